"""The bits of connections' marks that are ours."""

import pytest

from dnsguard.settings.forms import read_mark_mask


@pytest.mark.parametrize(
    ("given", "mask"),
    [("0x0000ff00", 0xFF00), ("0xF0000000", 0xF000_0000), (0xFF00, 0xFF00), ("65280", 0xFF00), (" 0xf ", 0xF),
     ("0xffffffff", 0xFFFF_FFFF)],
)  # fmt: skip
def test_adjoining_bits(given: object, mask: int) -> None:
    assert read_mark_mask(given) == mask


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("0", "4 to 32 bits"),
        ("0x7", "4 to 32 bits"),
        ("0x700", "4 to 32 bits"),
        ("0x1fffffffe", "is no mask"),
        ("8589934590", "4 to 32 bits"),
        ("0xf0f0", "has gaps"),
        ("0x80000007", "has gaps"),
        ("ff00", "is no mask"),
        ("-1", "is no mask"),
        (True, "is no mask"),
        ("", "is no mask"),
        (None, "is no mask"),
    ],
)
def test_nonsense(given: object, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_mark_mask(given)
