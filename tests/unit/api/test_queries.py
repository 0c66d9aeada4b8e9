"""Switches in addresses."""

import pytest

from api.failures import Failure
from api.queries import is_true


@pytest.mark.parametrize(
    ("value", "on"), [("true", True), ("True", True), ("1", True), ("false", False), ("False", False), ("0", False)]
)
def test_a_switch_is_written_as_clients_write_it(value: str, on: bool) -> None:
    assert is_true({"force": value}, "force") is on


def test_a_switch_that_is_not_there_is_off_and_nonsense_is_refused() -> None:
    assert is_true({}, "force") is False
    for value in ("", "yes", "tRUE"):
        with pytest.raises(Failure, match="is neither true nor false"):
            is_true({"force": value}, "force")
