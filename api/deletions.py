"""What a deletion is asked for, by its query and by its body."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from api.auditing import audit_note
from api.bodies import raw_body, read_body
from api.failures import Failure, bad_request
from api.objects import Preconditions
from api.options import is_dry
from api.paging import count
from dnsguard.resources import Cause

PROPAGATION = ("Background", "Foreground", "Orphan")
"""What becomes of objects that are owned by the one that is deleted. There are none here, so it makes no difference."""


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
    _check_propagation(options.get("propagationPolicy"))
    stages = options.get("dryRun") or []
    if not isinstance(stages, list):
        raise bad_request("DeleteOptions: dryRun is a list")
    audit_note(request.scope).dry_run = dry_run = dry_run or is_dry(stages)
    return Deletion(_preconditions(options.get("preconditions", {})), dry_run, limit)


def _preconditions(conditions: Any) -> Preconditions:
    if conditions is None:
        return Preconditions()
    if not isinstance(conditions, Mapping):
        raise bad_request("DeleteOptions: preconditions is a mapping")
    return Preconditions(str(conditions.get("uid") or ""), str(conditions.get("resourceVersion") or ""))


def _check_propagation(value: Any) -> None:
    if value not in (None, "", *PROPAGATION):
        message = f"{str(value)[:40]!r} is none of {', '.join(PROPAGATION)}"
        cause = Cause("propagationPolicy", message, "FieldValueNotSupported")
        raise Failure(422, "Invalid", f"propagationPolicy: {message}", causes=[cause])
