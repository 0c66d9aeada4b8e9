"""Refusals as Kubernetes' ``Status`` objects: which error of ours is which HTTP status."""

from collections.abc import Mapping, Sequence
from typing import Any

from dnsguard.api.audit import AuditUnavailable
from dnsguard.api.services import BadClient, CannotExplain, ReadModelUnavailable, UnknownEndpoint
from dnsguard.errors import DnsguardError
from dnsguard.resources import Cause, InvalidResource, Kind
from dnsguard.resources.manifest import ManifestError
from dnsguard.store.interface import AlreadyExists, Compacted, Conflict, NotFound, StoreUnavailable

MAX_CAUSES = 100
"""A set of 10 000 bad CIDRs is not answered with 10 000 sentences."""

MAX_MESSAGE = 8_192
"""Characters."""


class Failure(DnsguardError):
    """A request that is refused."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        *,
        causes: Sequence[Cause] = (),
        details: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """``code`` and ``reason`` as Kubernetes pairs them; ``details`` beyond the causes: kind, name, group;
        ``metadata`` of the ``Status``."""
        self.code = code
        self.reason = reason
        self.message = _bounded(message)
        self.causes = tuple(causes)
        self.details = dict(details or {})
        self.headers = dict(headers or {})
        self.metadata = dict(metadata or {})
        super().__init__(self.message)

    def as_status(self) -> dict[str, Any]:
        """The ``Status`` object."""
        details = dict(self.details)
        if self.causes:
            told = self.causes[:MAX_CAUSES]
            details["causes"] = [
                {"reason": c.code, "message": _bounded(c.message), "field": _bounded(c.field)} for c in told
            ]
            if len(self.causes) > MAX_CAUSES:
                more = f"and {len(self.causes) - MAX_CAUSES} more"
                details["causes"].append({"reason": "limit", "message": more, "field": ""})
        status: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Status",
            "metadata": self.metadata,
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        }
        if details:
            status["details"] = details
        return status


def _bounded(text: str) -> str:
    """What a client sent is not sent back to it at any length."""
    return text if len(text) <= MAX_MESSAGE else text[:MAX_MESSAGE] + " …"


def bad_request(message: str, causes: Sequence[Cause] = ()) -> Failure:
    """400: the request itself is wrong, whatever is stored."""
    return Failure(400, "BadRequest", message, causes=causes)


def unavailable(message: str, seconds: int = 1) -> Failure:
    """503: try again after so long."""
    return _later(503, "ServiceUnavailable", message, seconds)


def too_many(message: str, seconds: int = 5) -> Failure:
    """429: the caller, or all of them, ask too much."""
    return _later(429, "TooManyRequests", message, seconds)


def _later(code: int, reason: str, message: str, seconds: int) -> Failure:
    headers = {"Retry-After": str(seconds)}
    return Failure(code, reason, message, details={"retryAfterSeconds": seconds}, headers=headers)


def details_of(kind: Kind, name: str) -> dict[str, str]:
    """What ``Status.details`` says of the object that a request is about."""
    details = {"name": _bounded(name), "kind": kind.kind}
    return details | {"group": kind.group} if kind.group else details


def failure_of(error: DnsguardError, kind: Kind | None = None, name: str = "") -> Failure:
    """The refusal that an error stands for; ``kind`` and ``name`` say what the request was about."""
    failure = _failure_of(error)
    if kind is not None:
        failure.details = details_of(kind, name) | failure.details
    return failure


def _failure_of(error: DnsguardError) -> Failure:
    match error:
        case Failure():
            return error
        case NotFound() | UnknownEndpoint():
            return Failure(404, "NotFound", str(error))
        case AlreadyExists():
            return Failure(409, "AlreadyExists", str(error))
        case Conflict():
            return Failure(409, "Conflict", str(error))
        case Compacted():
            return Failure(410, "Expired", str(error))
        case InvalidResource():
            return Failure(422, "Invalid", str(error), causes=error.causes)
        case ManifestError():
            causes = [fault.cause for fault in error.faults]
            return bad_request(str(error), causes)
        case StoreUnavailable() | ReadModelUnavailable():
            return unavailable(str(error))
        case AuditUnavailable():
            return unavailable(str(error), 5)
        case BadClient():
            return bad_request(str(error))
        case CannotExplain():
            return Failure(422, "Invalid", str(error), causes=[Cause(error.field, str(error), "explain")])
        case _:
            return Failure(500, "InternalError", str(error))
