"""The patterns that match a name are those that a scan of all finds."""

from hypothesis import given
from hypothesis import strategies as st

from dnsguard.domains import DomainPattern, wire_name
from dnsguard.domains.matching import MAX_LABELS, matching
from tests.unit.domains.strategies import NAMES, PATTERNS, wire


@given(st.lists(PATTERNS, max_size=12), NAMES)
def test_it_equals_a_scan(texts: list[str], labels: list[bytes]) -> None:
    patterns = frozenset(map(DomainPattern.parse, texts))
    name = wire(labels)
    found = matching(name, patterns)
    assert sorted(found) == sorted(each.canonical for each in patterns if each.matches(name))


def test_the_most_exact_comes_first() -> None:
    patterns = frozenset(map(DomainPattern.parse, ("*.org", "www.example.org", "*.example.org")))
    assert matching(wire_name("www.example.org"), patterns) == ["www.example.org", "*.example.org", "*.org"]


def test_a_label_that_prints_like_several_is_none_of_them() -> None:
    patterns = frozenset([DomainPattern.parse("www.example.org"), DomainPattern.parse("*.org")])
    assert matching(b"\x0bwww.example\x03org\0", patterns) == ["*.org"]


def test_of_a_very_long_name_the_usual_patterns_are_found() -> None:
    name = wire(list(b"x.y.z".split(b".")) * MAX_LABELS)
    patterns = frozenset(map(DomainPattern.parse, ("*.y.z", "*.z")))
    assert matching(name, patterns) == ["*.y.z", "*.z"]
