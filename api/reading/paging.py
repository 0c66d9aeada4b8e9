"""What a list is asked for besides a selection: at which revision, from where on, and how much."""

import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass

from dnsguard.api.failures import Failure, bad_request
from dnsguard.api.writing.objects import Target
from dnsguard.resources import Cause, InvalidResource
from dnsguard.store.interface import Key

EXACT, NOT_OLDER = "Exact", "NotOlderThan"

LONGEST_TOKEN = 2_048
"""Characters; a key is at most a third of it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a list goes on."""

    after: Key
    revision: int | None
    """``None``: as things are now, by a client that was too slow and takes what is not of one moment."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for a list, read."""

    limit: int = 0
    """0: everything."""

    at: int | None = None
    """Exactly as it was then; ``None``: as it is now."""

    at_least: int = 0
    """A revision that has been reached, or the list is refused."""

    place: Place | None = None


def asked(target: Target, query: Mapping[str, str]) -> Asked:
    """What a query asks for. Raises Failure 400, InvalidResource (422), both as Kubernetes does."""
    limit = count(query.get("limit", ""), "limit")
    match = query.get("resourceVersionMatch", "")
    stated = query.get("resourceVersion", "")
    revision = stated_version(stated)
    if token := query.get("continue", ""):
        if match:
            raise forbidden("resourceVersionMatch", "it is forbidden with continue")
        if stated not in ("", "0"):
            raise bad_request("specifying resource version is not allowed when using continue")
        return Asked(limit, place=place(token, target, query))
    if match and not stated:
        raise forbidden("resourceVersionMatch", "it is forbidden unless resourceVersion is given")
    if match not in ("", EXACT, NOT_OLDER):
        raise forbidden("resourceVersionMatch", f"{match[:40]!r} is neither {EXACT} nor {NOT_OLDER}")
    if match == EXACT and not revision:
        raise forbidden("resourceVersionMatch", f"{EXACT} needs a resourceVersion other than 0")
    # Without a word on how it is meant, a limited list has always been one at that revision.
    if revision and (match == EXACT or (limit and not match)):
        return Asked(limit, at=revision)
    return Asked(limit, at_least=revision or 0)


def token_of(where: Place, target: Target, query: Mapping[str, str]) -> str:
    """What a client sends as ``continue``: of use for the same list only."""
    text = json.dumps([where.revision, where.after.namespace, where.after.name], separators=(",", ":"))
    return urlsafe_b64encode(_seal(text, target, query) + text.encode("ascii")).decode("ascii").rstrip("=")


def place(token: str, target: Target, query: Mapping[str, str]) -> Place:
    """Where a list goes on. Raises Failure 400 for a token that was changed, or is of another list.

    The seal keeps no secret: who forges one reads no more than a list without a token shows.
    """
    try:
        raw = urlsafe_b64decode(token[:LONGEST_TOKEN] + "=" * (-len(token) % 4))
        seal, text = raw[:_SEAL], raw[_SEAL:].decode("ascii")
        match json.loads(text) if seal == _seal(text, target, query) else None:
            case [int() | None as revision, str(namespace), str(name)]:
                return Place(Key(target.kind.collection, namespace, name), revision)
    except ValueError:
        pass
    raise bad_request(
        "continue: the token is not valid for this list: send it as it came, with the same selectors, or begin anew"
    )


def expired(where: Place, target: Target, query: Mapping[str, str]) -> Failure:
    """410 for a client that was too slow, with a token by which it may go on with what there is now."""
    token = token_of(Place(where.after, None), target, query)
    message = (
        "the provided continue parameter is too old to display a consistent list result: begin anew, or go on with the"
        " continue token of this answer, which shows what comes next as it is now"
    )
    return Failure(410, "Expired", message, metadata={"continue": token})


def too_new(revision: int, current: int) -> Failure:
    """504 as Kubernetes has it, for a revision that was never reached."""
    message = f"Too large resource version: {revision}, current: {current}"
    cause = Cause("", message, "ResourceVersionTooLarge")
    headers = {"Retry-After": "1"}
    return Failure(504, "Timeout", message, causes=[cause], details={"retryAfterSeconds": 1}, headers=headers)


def stated_version(text: str) -> int | None:
    """``None`` for no revision in particular. Raises Failure 400."""
    if text in ("", "0"):
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise bad_request(f"resourceVersion: Invalid value: {text[:40]!r} is none of this server's")
    return int(text)


def count(text: str, field: str) -> int:
    """0 for none said. Raises Failure 400."""
    if not text:
        return 0
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise bad_request(f"{field}: {text[:40]!r} is no number")
    return int(text)


def forbidden(field: str, message: str) -> InvalidResource:
    """422: parameters that exclude each other."""
    return InvalidResource("ListOptions", (Cause(field, message, "FieldValueForbidden"),))


_SEAL = 12


def _seal(text: str, target: Target, query: Mapping[str, str]) -> bytes:
    bound = (text, target.kind.collection, target.namespace, query.get("labelSelector"), query.get("fieldSelector"))
    return hashlib.sha256(json.dumps(bound).encode("ascii")).digest()[:_SEAL]
