"""What a client says in ``metadata`` that is the server's to set."""

from typing import Any

import pytest

from dnsguard.api.failures import Failure
from dnsguard.api.writing.metadata import taken_apart
from dnsguard.resources import kind_named

SETS = kind_named("networksets")


def taken(**metadata: Any) -> Any:
    data, _ = taken_apart({"metadata": {"name": "a", **metadata}}, SETS, "shop")
    return data["metadata"]


def test_what_the_server_sets_is_passed_over() -> None:
    sent = {
        "uid": "x",
        "generation": 7,
        "creationTimestamp": "2026-01-02T03:04:05Z",
        "managedFields": [],
        "selfLink": "",
    }
    assert taken(**sent) == taken(**dict.fromkeys(sent)) == {"name": "a"}


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("uid", 7, "a string, not a number"),
        ("resourceVersion", 7, "a string, not a number: put it in quotes"),
        ("generateName", [], "a string"),
        ("generation", "7", "an integer, not a string"),
        ("generation", True, "an integer, not"),
        ("generation", 1.5, "an integer, not"),
        ("creationTimestamp", 7, "a string"),
        ("deletionTimestamp", {}, "a string"),
        ("deletionGracePeriodSeconds", "7", "an integer"),
        ("managedFields", {}, "a list"),
    ],
)
def test_what_is_of_another_type_than_is_described_is_refused(field: str, value: Any, said: str) -> None:
    with pytest.raises(Failure, match=f"metadata.{field}: must be {said}") as refused:
        taken(**{field: value})
    assert refused.value.code == 400
