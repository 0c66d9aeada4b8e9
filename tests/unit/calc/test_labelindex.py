"""The index finds what a scan would find."""

from hypothesis import given
from hypothesis import strategies as st

from dnsguard.calc.labelindex import LabelIndex
from dnsguard.selector import parse
from tests.unit.selector import naive

LABELS = st.dictionaries(st.sampled_from(["a", "b", "in", "not"]), st.sampled_from(["", "a", "b", "ab"]))


@given(st.lists(LABELS, max_size=8), naive.selectors())
def test_it_equals_a_scan(objects: list[dict[str, str]], text: str) -> None:
    expression = parse(text)
    index = LabelIndex[int]()
    for position, labels in enumerate(objects):
        index.add(labels, position)
    assert index.matching(expression) == [
        position for position, labels in enumerate(objects) if expression.matches(labels)
    ]
