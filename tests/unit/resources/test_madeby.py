"""Objects that dnsguard makes by itself, and those that are not."""

from typing import Any

import pytest

from dnsguard.resources.madeby import FOLLOWS, HOST_ENDPOINTS, MADE_BY, maker


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"metadata": {"annotations": {MADE_BY: HOST_ENDPOINTS}}}, HOST_ENDPOINTS),
        ({"metadata": {"labels": {MADE_BY: HOST_ENDPOINTS}}}, ""),
        ({"metadata": {"annotations": None}}, ""),
        ({"metadata": {"annotations": [MADE_BY]}}, ""),
        ({"metadata": "x"}, ""),
        ({}, ""),
    ],
)
def test_who_makes_an_object(value: dict[str, Any], expected: str) -> None:
    assert maker(value) == expected


def test_of_each_maker_it_is_said_what_to_change_instead() -> None:
    assert HOST_ENDPOINTS in FOLLOWS
