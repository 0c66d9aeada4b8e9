"""The index answers as a scan of all patterns would."""

from hypothesis import given
from hypothesis import strategies as st

from dnsguard.domains import DomainPattern, PatternIndex, wire_name
from tests.unit.domains.strategies import NAMES, PATTERNS, naively_matches, wire

ENTRIES = st.lists(st.tuples(PATTERNS, st.integers(0, 2)), max_size=12)


@given(ENTRIES, ENTRIES, NAMES)
def test_it_equals_a_scan_also_after_removals(
    added: list[tuple[str, int]], discarded: list[tuple[str, int]], labels: list[bytes]
) -> None:
    index = PatternIndex[int]()
    for text, owner in added:
        index.add(DomainPattern.parse(text), owner)
    for text, owner in discarded:
        index.discard(DomainPattern.parse(text), owner)
    left = set(added) - set(discarded)
    assert len(index) == len(left)
    assert index.owners(wire(labels)) == {owner for text, owner in left if naively_matches(text, labels)}


@given(ENTRIES)
def test_what_is_emptied_holds_nothing(entries: list[tuple[str, int]]) -> None:
    index = PatternIndex[int]()
    for text, owner in entries:
        index.add(DomainPattern.parse(text), owner)
    for text, owner in entries:
        index.discard(DomainPattern.parse(text), owner)
    assert vars(index) == vars(PatternIndex[int]())


def test_the_caller_may_change_what_it_got() -> None:
    index = PatternIndex[str]()
    index.add(DomainPattern.parse("example.org"), "a")
    index.owners(wire_name("example.org")).clear()
    assert index.owners(wire_name("example.org")) == {"a"}
