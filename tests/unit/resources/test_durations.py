"""Durations as Go writes them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from dnsguard.resources.durations import read_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("3s", 3.0),
        ("0", 0.0),
        ("0s", 0.0),
        ("1m30s", 90.0),
        ("1h0m1.5s", 3601.5),
        ("250ms", 0.25),
        (".5s", 0.5),
        ("1.s", 1.0),
        ("100us", 1e-4),
        ("1000ns", 1e-6),
        ("1s1s", 2.0),
    ],
)
def test_good_durations(text: str, seconds: float) -> None:
    made = read_duration(text)
    assert made.seconds == pytest.approx(seconds)
    assert str(made) == text


@pytest.mark.parametrize(
    "value",
    [
        "",
        "3",
        "-3s",
        "3 s",
        " 3s",
        "3S",
        "s",
        "3d",
        "1e3s",
        "1s2",
        "٣s",
        "9" * 20 + "h",
        "2562048h",
        3,
        1.5,
        True,
        None,
        [],
    ],
)
def test_bad_durations(value: Any) -> None:
    with pytest.raises(PydanticCustomError):
        read_duration(value)


def test_a_number_is_told_its_unit() -> None:
    with pytest.raises(PydanticCustomError, match='write "3s"'):
        read_duration(3)


@given(st.text(alphabet="0123456789.hmsuµn -e"))
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    try:
        made = read_duration(text)
    except PydanticCustomError:
        return
    assert 0 <= made.seconds < 2**63 / 1e9
