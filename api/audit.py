"""The record of an attempted change, and of what was denied: who, from where, what, when, with which result."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from dnsguard.errors import DnsguardError
from dnsguard.store.interface import Object

MOST_OBJECT: Final = 16 * 1024
"""Bytes of JSON up to which an object stands in the record itself; a policy has a tenth of it."""

SECRETS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {"AccessToken": (("spec", "hash"), ("status", "token"))}
"""Kind → fields that are written nowhere: who reads the log must not be able to act as somebody else."""


class AuditUnavailable(DnsguardError):
    """The record of a change could not be written, so the change is not made."""


@dataclass(frozen=True, slots=True)
class AuditQuestion:
    """Which records are wanted; what is empty asks for all."""

    last: int
    user: str = ""
    denied: bool = False
    """Only what was refused."""


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One attempt. Empty texts are what is not known or does not apply."""

    time: str
    """When it was answered: RFC 3339, UTC, microseconds."""

    id: str
    """Of the request; the answer's header ``Audit-Id`` says it, too."""

    user: str
    """Empty where nobody was authenticated."""

    groups: tuple[str, ...]
    source: str
    """The client's address; ``unix`` for the socket of the local administrator."""

    agent: str
    """What the client calls itself."""

    uri: str
    verb: str
    """``create``, ``update``, ``patch``, ``delete``, ``deletecollection``; of a denied reading ``get``."""

    group: str
    """API group of the object."""

    resource: str
    """Plural; empty where the request did not get that far."""

    namespace: str
    name: str
    code: int
    """HTTP status of the answer."""

    reason: str = ""
    message: str = ""
    """Why it was refused."""

    before: Object | None = None
    """What was replaced or deleted, as `shown`."""

    after: Object | None = None
    """What was written, as `shown`."""

    revision: int = 0
    """That the change took; 0 for none."""

    acting_as: str = ""
    """The user that ``user`` acted as."""

    dry_run: bool = False
    alike: int = 0
    """Attempts like this one that are not written each for itself."""

    @property
    def place(self) -> str:
        """``resource/namespace/name``, as far as there is one."""
        return "/".join(part for part in (self.resource, self.namespace, self.name) if part)

    @property
    def refused(self) -> bool:
        return self.code >= 400

    def event(self) -> dict[str, Any]:
        """In the shape of Kubernetes' ``audit.k8s.io/v1`` Event, and what that has no word for: ``dryRun``,
        ``previousObject``, ``alike``."""
        reference = {
            "resource": self.resource,
            "namespace": self.namespace,
            "name": self.name,
            "apiGroup": self.group,
        }
        status = {"code": self.code, "reason": self.reason, "message": self.message}
        event: dict[str, Any] = {
            "kind": "Event",
            "apiVersion": "audit.k8s.io/v1",
            "level": "RequestResponse",
            "auditID": self.id,
            "stage": "ResponseComplete",
            "stageTimestamp": self.time,
            "requestURI": self.uri,
            "verb": self.verb,
            "user": {"username": self.user, **({"groups": list(self.groups)} if self.groups else {})},
            "sourceIPs": [self.source],
            "userAgent": self.agent,
            "objectRef": {key: text for key, text in reference.items() if text},
            "responseStatus": {key: value for key, value in status.items() if value},
        }
        if self.acting_as:
            event["impersonatedUser"] = {"username": self.acting_as}
        if self.dry_run:
            event["dryRun"] = True
        if self.alike:
            event["alike"] = self.alike
        if self.before is not None:
            event["previousObject"] = self.before
        if self.after is not None:
            event["responseObject"] = self.after
        return event


def shown(value: Object | None) -> Object | None:
    """An object as a record holds it: without secrets; of a large one its size and SHA-256."""
    if value is None:
        return None
    value = without_secrets(value)
    text = json.dumps(value, separators=(",", ":")).encode("ascii")
    if len(text) <= MOST_OBJECT:
        return value
    metadata = {"resourceVersion": value["metadata"].get("resourceVersion", "")}
    return {"metadata": metadata, "bytes": len(text), "sha256": hashlib.sha256(text).hexdigest()}


def without_secrets(value: Object) -> Object:
    """The object itself where it has none."""
    for part, field in SECRETS.get(value.get("kind", ""), ()):
        if isinstance(held := value.get(part), dict) and field in held:
            value = {**value, part: {key: each for key, each in held.items() if key != field}}
    return value
