"""The index finds what a scan would find, whatever came and went before."""

from hypothesis import given
from hypothesis import strategies as st

from dnsguard.calc.labelindex import LabelIndex, SelectorIndex
from dnsguard.selector import Expression, parse
from tests.unit.selector import naive

LABELS = st.dictionaries(st.sampled_from(["a", "b", "in", "not"]), st.sampled_from(["", "a", "b", "ab"]))
STEPS = st.lists(st.tuples(st.integers(0, 7), st.none() | LABELS), max_size=20)
"""Key, and its labels from here on; None takes it out."""


@given(STEPS, naive.selectors())
def test_a_selector_finds_what_a_scan_finds(steps: list[tuple[int, dict[str, str] | None]], text: str) -> None:
    expression = parse(text)
    index = LabelIndex[int, int]()
    held: dict[int, dict[str, str]] = {}
    for key, labels in steps:
        if labels is not None:
            index.put(key, labels, key)
            held[key] = labels
        elif held.pop(key, None) is not None:
            index.remove(key)
    assert sorted(index.matching(expression)) == [key for key in sorted(held) if expression.matches(held[key])]


@given(st.lists(st.tuples(naive.selectors(), st.integers(0, 3), st.booleans()), max_size=12), LABELS)
def test_labels_find_the_selectors_that_a_scan_finds(
    steps: list[tuple[str, int, bool]], labels: dict[str, str]
) -> None:
    index = SelectorIndex[tuple[Expression, int]]()
    held: set[tuple[Expression, int]] = set()
    for text, subscriber, leaves in steps:
        expression = parse(text)
        if (expression, subscriber) not in held:
            index.add(expression, (expression, subscriber))
            held.add((expression, subscriber))
        if leaves:
            index.remove(expression, (expression, subscriber))
            held.remove((expression, subscriber))
    found = index.matching(labels)
    assert len(found) == len(set(found))
    assert set(found) == {each for each in held if each[0].matches(labels)}


def test_what_is_taken_out_leaves_nothing_behind() -> None:
    index = LabelIndex[int, int]()
    index.put(1, {"a": "x"}, 1)
    index.put(1, {"b": "x"}, 2)
    assert (index.matching(parse("has(a)")), index.matching(parse("has(b)"))) == ([], [2])
    index.remove(1)
    assert index.matching(parse("all()")) == []
    assert not any(vars(index)[field] for field in ("_numbers", "_items", "_by_anchor"))
