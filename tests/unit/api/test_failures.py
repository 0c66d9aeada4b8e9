"""Errors as HTTP statuses."""

import pytest

from dnsguard.api.failures import Failure, failure_of
from dnsguard.api.services import CannotExplain, ReadModelUnavailable
from dnsguard.errors import DnsguardError
from dnsguard.resources import Cause, InvalidResource, kind_of
from dnsguard.resources.manifest import ManifestError
from dnsguard.store.interface import AlreadyExists, Compacted, Conflict, NotFound, StoreUnavailable


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (NotFound("x"), 404, "NotFound"),
        (AlreadyExists("x"), 409, "AlreadyExists"),
        (Conflict("x"), 409, "Conflict"),
        (Compacted("x"), 410, "Expired"),
        (InvalidResource("Tier x", [Cause("spec.order", "is bad", "type")]), 422, "Invalid"),
        (ManifestError([]), 400, "BadRequest"),
        (StoreUnavailable("x"), 503, "ServiceUnavailable"),
        (ReadModelUnavailable("x"), 503, "ServiceUnavailable"),
        (CannotExplain("source", "x"), 422, "Invalid"),
        (DnsguardError("x"), 500, "InternalError"),
        (Failure(418, "Teapot", "x"), 418, "Teapot"),
    ],
)
def test_each_error_has_its_status(error: DnsguardError, code: int, reason: str) -> None:
    status = failure_of(error).as_status()
    assert (status["code"], status["reason"], status["status"]) == (code, reason, "Failure")


def test_details_name_the_object() -> None:
    status = failure_of(NotFound("x"), kind_of("NetworkSet"), "partners").as_status()
    assert status["details"] == {"name": "partners", "kind": "NetworkSet", "group": "projectcalico.org"}
    assert "group" not in failure_of(NotFound("x"), kind_of("Namespace"), "shop").as_status()["details"]


def test_what_was_sent_is_not_sent_back_at_any_length() -> None:
    cause = Cause("metadata." + "f" * 100_000, "m" * 100_000, "type")
    status = failure_of(InvalidResource("Tier x", [cause]), kind_of("Tier"), "n" * 100_000).as_status()
    assert len(repr(status)) < 40_000


def test_a_message_is_bounded() -> None:
    assert len(Failure(400, "BadRequest", "x" * 100_000).message) < 9_000
