import pytest

from dnsguard.controller.effective.stages import merged


@pytest.mark.parametrize(
    ("now", "later", "both"),
    [
        ("", "", ""),
        ("ab", "ab", "ab"),
        ("ab", "axb", "axb"),
        ("ab", "xab", "xab"),
        ("ab", "abx", "abx"),
        ("ab", "b", "ab"),
        ("ab", "xb", "xab"),
        ("ab", "ba", "ab"),
        ("", "xy", "xy"),
        ("ab", "", "ab"),
    ],
)
def test_two_orders_become_one(now: str, later: str, both: str) -> None:
    assert "".join(merged(list(now), list(later))) == both
