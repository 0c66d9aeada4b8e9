"""Switches in addresses."""

import pytest

from dnsguard.api.failures import Failure
from dnsguard.api.queries import is_true, require_known


@pytest.mark.parametrize(
    ("value", "on"), [("true", True), ("True", True), ("1", True), ("false", False), ("False", False), ("0", False)]
)
def test_a_switch_is_written_as_clients_write_it(value: str, on: bool) -> None:
    assert is_true({"force": value}, "force") is on


def test_a_switch_that_is_not_there_is_off_and_nonsense_is_refused() -> None:
    assert is_true({}, "force") is is_true({"force": ""}, "force") is False
    for value in ("yes", "tRUE"):
        with pytest.raises(Failure, match="is neither true nor false"):
            is_true({"force": value}, "force")


def test_a_parameter_that_there_is_not_is_refused_with_those_there_are() -> None:
    require_known({"last": "1"}, "last", "user", "denied")
    with pytest.raises(Failure, match=r"^usr: there are last, user and denied$"):
        require_known({"last": "1", "usr": "x"}, "last", "user", "denied")
