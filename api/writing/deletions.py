"""What a deletion is asked for, by its query and by its body."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from dnsguard.api.auditing import audit_note
from dnsguard.api.failures import Failure, bad_request
from dnsguard.api.reading.paging import count
from dnsguard.api.writing.bodies import raw_body, read_body
from dnsguard.api.writing.objects import Preconditions
from dnsguard.api.writing.options import is_dry
from dnsguard.resources import Cause

PROPAGATION = ("Background", "Foreground", "Orphan")
"""What becomes of objects that are owned by the one that is deleted. There are none here, so it makes no difference."""


_CONDITIONS: Mapping[str, tuple[type, str]] = {"uid": (str, "a string"), "resourceVersion": (str, "a string")}
_FIELDS: Mapping[str, tuple[type, str]] = {
    "apiVersion": (str, "a string"),
    "kind": (str, "a string"),
    "dryRun": (list, "a list"),
    "preconditions": (dict, "a mapping"),
    "propagationPolicy": (object, ""),
    "gracePeriodSeconds": (int, "a number of seconds"),
    "orphanDependents": (bool, "true or false"),
    "ignoreStoreReadErrorWithClusterBreakingPotential": (bool, "true or false"),
}
"""Field → its type, and what that is called."""


@dataclass(frozen=True, slots=True)
class Deletion:
    """What a client asks for."""

    preconditions: Preconditions
    dry_run: bool

    limit: int = 0
    """Of a collection: objects to remove at most; 0 for all."""


async def deletion(request: Request, *, dry_run: bool) -> Deletion:
    """``dry_run``: what the query says, to which the body may add. Raises Failure 400, 422, ManifestError."""
    query = request.query_params
    if query.get("continue"):
        raise bad_request("continue: what was deleted is not listed again; delete again to remove more")
    limit = count(query.get("limit", ""), "limit")
    _check_propagation(query.get("propagationPolicy"))
    if not await raw_body(request):
        return Deletion(Preconditions(), dry_run, limit)
    options = (await read_body(request)).value
    if not isinstance(options, dict) or options.get("kind", "DeleteOptions") != "DeleteOptions":
        raise bad_request("the body of a deletion is empty or a DeleteOptions object")
    _check_fields("DeleteOptions", options, _FIELDS)
    _check_propagation(options.get("propagationPolicy"))
    stages = options.get("dryRun") or []
    audit_note(request.scope).dry_run = dry_run = dry_run or is_dry(stages)
    conditions = options.get("preconditions") or {}
    _check_fields("DeleteOptions: preconditions", conditions, _CONDITIONS)
    return Deletion(Preconditions(conditions.get("uid") or "", conditions.get("resourceVersion") or ""), dry_run, limit)


def _check_fields(what: str, given: Mapping[str, Any], known: Mapping[str, tuple[type, str]]) -> None:
    """Raises Failure 400: a condition that is mistyped must not delete what it was to save. Null is as if absent."""
    for field, value in given.items():
        if field not in known:
            raise bad_request(f"{what}: {str(field)[:40]}: unknown field; there are {', '.join(known)}")
        of, said = known[field]
        if value is not None and (not isinstance(value, of) or (of is int and isinstance(value, bool))):
            raise bad_request(f"{what}: {field} is {said}")


def _check_propagation(value: Any) -> None:
    if value not in (None, "", *PROPAGATION):
        message = f"{str(value)[:40]!r} is none of {', '.join(PROPAGATION)}"
        cause = Cause("propagationPolicy", message, "FieldValueNotSupported")
        raise Failure(422, "Invalid", f"propagationPolicy: {message}", causes=[cause])
