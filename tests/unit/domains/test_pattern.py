"""Which texts are patterns, and what they match beyond the published examples."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsguard.domains import DomainPattern, DomainPatternError
from tests.unit.domains.strategies import NAMES, PATTERNS, naively_matches, wire


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("Example.ORG.", "example.org"),
        ("*.BÜCHER.example", "*.xn--bcher-kva.example"),
        ("faß.example", "xn--fa-hia.example"),
        ("ｅxample.org", "example.org"),
        ("a_b.example.org", "a_b.example.org"),
        ("3com.com", "3com.com"),
        ("a" * 63 + ".org", "a" * 63 + ".org"),
        (".".join(["a" * 49] * 5 + ["abc"]) + ".", ".".join(["a" * 49] * 5 + ["abc"])),
    ],
)
def test_patterns_have_one_canonical_form(text: str, canonical: str) -> None:
    pattern = DomainPattern.parse(text)
    assert (pattern.canonical, str(pattern), pattern.text) == (canonical, canonical, text)
    assert pattern == DomainPattern.parse(canonical)
    assert hash(pattern) == hash(DomainPattern.parse(canonical))


@pytest.mark.parametrize(
    ("text", "code", "reason"),
    [
        ("", "V-53e", "it is empty"),
        (".", "V-53e", "it is empty"),
        ("a.com..", "V-53e", "a component is empty"),
        (" example.org", "V-53d", "' ' is not allowed"),
        ("example.org\n", "V-53d", "'\\n' is not allowed"),
        ("https://example.org", "V-53d", "not a URL"),
        ("example.org:443", "V-53d", "':' is not allowed"),
        ("2001:db8::1", "V-53d", "belong in nets"),
        ("ex?mple.org", "V-53d", "'?' is not allowed"),
        ("*.", "V-53c", "a wildcard alone"),
        ("*.*", "V-53a", "more than one"),
        ("ü*.example", "V-53d", "is not allowed"),
        ("＊.example.org", "V-53d", "stands for it"),
        ("a。example.org", "V-53d", "stands for it"),
        ("\u00ad.example.org", "V-53e", "a component is empty"),
        ("ü" * 60 + ".org", "V-53f", "longer than 63"),
        (".".join(["a" * 49] * 5 + ["abcd"]), "V-53f", "longer than 253"),
        ("*." + ".".join(["a" * 49] * 5 + ["ab"]), "V-53f", "longer than 253"),
        ("1.2.3", "V-53g", "like an IP address"),
        ("example.123", "V-53g", "like an IP address"),
        ("10.0.0.*", "V-53g", "like an IP address"),
        # the first check that fails names the fault
        ("..*.*.^", "V-53d", "'^'"),
        ("..*.*", "V-53e", "empty"),
        ("*a.*", "V-53a", "more than one"),
        ("*" + "a" * 64 + ".-.1", "V-53b", "whole component"),
        ("a" * 64 + ".-.1", "V-53f", "longer"),
        ("-a.1", "V-53d", "hyphen"),
    ],
)
def test_a_text_that_is_no_pattern_is_refused(text: str, code: str, reason: str) -> None:
    with pytest.raises(DomainPatternError) as caught:
        DomainPattern.parse(text)
    assert (caught.value.code, caught.value.text) == (code, text)
    assert reason in caught.value.reason


@pytest.mark.parametrize(("text", "warned"), [("www.example.*", True), ("*.example.org", False), ("www.*.org", False)])
def test_only_a_wildcard_at_the_end_warns(text: str, warned: bool) -> None:
    assert (DomainPattern.parse(text).warning is not None) is warned


@pytest.mark.parametrize(
    ("pattern", "labels", "expected"),
    [
        ("www.evil.com", [b"www.evil", b"com"], False),
        ("*.com", [b"x.com"], False),
        ("*.evil.com", [b"www", b"x\x04evil", b"com"], False),
        ("*.com", [b"a\x03com"], False),
        ("www.example.*", [b"www", b"example", b"org"], True),
        ("www.example.*", [b"www", b"example"], False),
        ("*.com", [], False),
    ],
)
def test_a_label_never_poses_as_two(pattern: str, labels: list[bytes], expected: bool) -> None:
    assert DomainPattern.parse(pattern).matches(wire(labels)) is expected


@given(PATTERNS, NAMES)
def test_a_pattern_matches_by_whole_labels(text: str, labels: list[bytes]) -> None:
    assert DomainPattern.parse(text).matches(wire(labels)) is naively_matches(text, labels)


@given(st.text(alphabet=st.sampled_from("aA1-_*.ü: ß/"), max_size=12) | st.text())
def test_any_text_is_a_pattern_or_is_refused(text: str) -> None:
    try:
        pattern = DomainPattern.parse(text)
    except DomainPatternError:
        return
    assert DomainPattern.parse(pattern.canonical) == pattern
