"""Names in wire form, and as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsguard.domains import DomainNameError, name_text, wire_name
from tests.unit.domains.strategies import wire


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("example.org", b"\x07example\x03org\0"),
        ("example.org.", b"\x07example\x03org\0"),
        ("EXAMPLE.Org", b"\x07example\x03org\0"),
        (".", b"\0"),
        ("_dmarc.example.org", b"\x06_dmarc\x07example\x03org\0"),
        (r"www\.evil.org", b"\x08www.evil\x03org\0"),
        (r"\069xample.org", b"\x07example\x03org\0"),
        (r"a\255\000.org", b"\x03a\xff\x00\x03org\0"),
        (r"a\\b.org", b"\x03a\\b\x03org\0"),
        ("bücher.example", b"\x0dxn--bcher-kva\x07example\0"),
        ("a" * 63 + ".org", b"\x3f" + b"a" * 63 + b"\x03org\0"),
        (".".join(["a" * 49] * 5 + ["abc"]), (b"\x31" + b"a" * 49) * 5 + b"\x03abc\0"),
    ],
)
def test_wire_name(text: str, wanted: bytes) -> None:
    assert wire_name(text) == wanted


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "a label is empty"),
        ("..", "a label is empty"),
        (".org", "a label is empty"),
        ("a..org", "a label is empty"),
        ("a.org..", "a label is empty"),
        ("a" * 64 + ".org", "a label is longer"),
        (".".join(["a" * 49] * 5 + ["abcd"]), "the name is longer"),
        ("a\\", "a backslash needs"),
        (r"a\25", "a backslash needs"),
        (r"a\256", "a backslash needs"),
        (r"bü\.cher", "do not go together"),
        ("a。b", "is not allowed"),
        ("\u200d.org", "Joiner"),
        ("ü" * 256, "more than 255 characters"),
    ],
)
def test_a_text_that_is_no_name_is_refused(text: str, reason: str) -> None:
    with pytest.raises(DomainNameError, match="bad domain name") as caught:
        wire_name(text)
    assert reason in caught.value.reason


@pytest.mark.parametrize(
    ("wired", "text"),
    [
        (b"\0", "."),
        (b"\x08www.evil\x03org\0", r"www\.evil.org"),
        (b"\x04a b\x7f\x02\xc3\xbc\0", r"a\032b\127.\195\188"),
        (b"\x02\\@\0", r"\\\@"),
    ],
)
def test_name_text(wired: bytes, text: str) -> None:
    assert name_text(wired) == text


@given(st.lists(st.binary(min_size=1, max_size=63), max_size=3))
def test_text_reads_back_as_the_same_name(labels: list[bytes]) -> None:
    assert wire_name(name_text(wire(labels))) == wire(labels).lower()


@given(st.text())
def test_any_text_is_a_name_or_is_refused(text: str) -> None:
    try:
        found = wire_name(text)
    except DomainNameError:
        return
    assert found.endswith(b"\0")
    assert len(found) <= 255
    assert wire_name(name_text(found)) == found
