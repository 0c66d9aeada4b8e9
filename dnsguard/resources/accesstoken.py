"""AccessToken: a user who shows a secret, of which only the hash is kept."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal

from pydantic import StrictStr

from dnsguard.resources.apiversions import DNSGUARD
from dnsguard.resources.model import Model
from dnsguard.resources.problems import Problem
from dnsguard.resources.rbac import PATH_NAME
from dnsguard.resources.resource import NameRule, Resource

RESERVED = "system:"
"""Users and groups that begin so are not for people to make."""

MAX_GROUPS = 100
"""Of one user: each of its requests is judged by all of them, and its records in the audit log name them."""

LONGEST_GROUP = 253
"""Characters."""

_HASH = re.compile(r"[0-9a-f]{64}")


class AccessTokenSpec(Model):
    """Until when it is good, and of which groups its user is."""

    expires: StrictStr | None = None
    """When it ends, as `2031-12-31T00:00:00Z`; absent for never."""
    groups: tuple[StrictStr, ...] | None = None
    """Groups of the user, that bindings may name."""
    hash: StrictStr | None = None
    """SHA-256 of the secret, in hexadecimal digits; the server sets it, whatever is written here."""

    def problems(self, broken: frozenset[str]) -> Iterable[Problem]:
        """A-05: the time is one, and groups have names."""
        if "expires" not in broken and self.expires is not None and moment(self.expires) is None:
            text = f"{self.expires!r} is no time: write it as 2031-12-31T00:00:00Z"
            yield Problem(("expires",), "A-05", text)
        if "groups" not in broken:
            if len(self.groups or ()) > MAX_GROUPS:
                yield Problem(("groups",), "A-05", f"names {len(self.groups or ())} groups: at most {MAX_GROUPS}")
            for index, group in enumerate((self.groups or ())[:MAX_GROUPS]):
                if not group:
                    yield Problem(("groups", index), "A-05", "is empty: name the group, or leave it out")
                elif len(group) > LONGEST_GROUP:
                    yield Problem(("groups", index), "A-05", f"is longer than {LONGEST_GROUP} characters")
        if "hash" not in broken and self.hash is not None and not _HASH.fullmatch(self.hash):
            yield Problem(("hash",), "A-05", "is set by the server: leave it out")


class AccessToken(Resource):
    """A user by the name of the object. The secret is shown once, in `status.token` of the answer that made it."""

    API_VERSION: ClassVar[str] = DNSGUARD
    NAME: ClassVar[NameRule] = PATH_NAME

    kind: Literal["AccessToken"]
    spec: AccessTokenSpec = AccessTokenSpec()
    """Until when it is good, and of which groups its user is."""
    status: dict[str, Any] | None = None
    """What the server says of it: `token`, the secret, once, in the answer to its creation."""

    @classmethod
    def completed(cls, data: dict[str, Any]) -> dict[str, Any]:
        """There is always a spec: the server writes into it."""
        return {"spec": {}, **super().completed(data)}

    def problems(self, broken: frozenset[str]) -> Iterable[Problem]:
        """A-05: names that mean somebody else."""
        yield from super().problems(broken)
        if "metadata" not in broken and (self.name == "admin" or self.name.startswith(RESERVED)):
            yield Problem(("metadata", "name"), "A-05", f"{self.name!r} is a user of dnsguard's own: take another name")


def moment(text: str) -> datetime | None:
    """The time that RFC 3339 text says, or None where it says none."""
    try:
        read = datetime.fromisoformat(text)
        return read.astimezone(UTC) if read.tzinfo is not None else None
    except (ValueError, OverflowError):  # the latter of the first and the last day that there is
        return None


def without_hash(value: Mapping[str, Any]) -> dict[str, Any]:
    """An AccessToken in its JSON shape as those see it who are not to know the hash."""
    spec = value.get("spec")
    return {**value, "spec": {key: part for key, part in spec.items() if key != "hash"}} if spec else dict(value)
