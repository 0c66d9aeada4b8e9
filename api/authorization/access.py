"""Who may use the API: follows the roles, bindings and tokens of the store, and knows at once what was answered.

Until they are loaded, and while they cannot be followed, nobody may anything but `system:masters`.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from dnsguard.access.ask import Ask
from dnsguard.access.grants import MASTERS, Binding, Grants
from dnsguard.access.rights import Rights
from dnsguard.api.authentication.tokens import token_digest
from dnsguard.api.failures import Failure, unavailable
from dnsguard.api.services import AUTHENTICATED, Caller, TokenExpired
from dnsguard.errors import DnsguardError
from dnsguard.resources import KINDS, InvalidResource, Kind, Resource, parse_object
from dnsguard.resources.accesstoken import AccessToken, moment
from dnsguard.resources.rbac import ClusterRole, Role
from dnsguard.store.interface import ChangeType, Compacted, Object, Store

log = logging.getLogger(__name__)

RETRY_SECONDS = 1.0

_FOLLOWED = tuple(kind for kind in KINDS if kind.is_access)


@dataclass(frozen=True, slots=True)
class _Token:
    caller: Caller
    digest: bytes
    expires: datetime | None


class Access:
    """One per process; belongs to its event loop. ``follow`` is one task, everything else may be called at any time."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now
        self.grants = Grants()
        self._tokens: dict[str, _Token] = {}
        """By the user's name."""

        self._by_digest: dict[bytes, _Token] = {}
        """Looked up by the digest and not by the secret: what time that takes says something of the SHA-256 of what was
        sent, of which nobody can choose a part, and nothing of the secrets that are kept."""

        self._reached: dict[str, int] = {}
        """Collection → the revision up to which it is known. One that is missing is not loaded."""

        self._moved = asyncio.Event()
        """Set and replaced with everything that changes."""

    @property
    def is_loaded(self) -> bool:
        """Whether callers can be judged."""
        return len(self._reached) == len(_FOLLOWED)

    async def follow(self) -> None:
        """Keep up with the store until it is closed."""
        async with asyncio.TaskGroup() as tasks:
            for kind in _FOLLOWED:
                tasks.create_task(self._follow(kind), name=f"access: {kind.plural}")

    async def loaded(self) -> None:
        """Return once callers can be judged."""
        while not self.is_loaded:
            await self._moved.wait()

    async def settled(self, kind: Kind, revision: int) -> None:
        """Return once a change of this revision is in force, which is before it is answered. Where the store cannot be
        followed at once: nobody is let in until it can be, and then with all that is in it."""
        while kind.is_access and self._reached.get(kind.collection, revision) < revision:
            await self._moved.wait()

    def moved(self) -> Coroutine[Any, Any, object]:
        """Await it until somebody's rights may have become others than they were when this was called: whoever looks at
        them before the next await misses nothing."""
        return self._moved.wait()

    def caller_with(self, token: str) -> Caller | None:
        """Who holds an access token that is good now. Raises TokenExpired, and Failure 503 while nothing is known: one
        that was known before may have been revoked since."""
        if not self.is_loaded:
            raise not_loaded()
        found = self._by_digest.get(token_digest(token))
        if found is not None and self._is_over(found):
            raise TokenExpired(f"the token of {found.caller.name} has expired: have another one made")
        return None if found is None else found.caller

    def is_good(self, caller: Caller) -> bool:
        """Whether the access token with which a caller came is still as it was, and whether it may still act as whom it
        acts as. Raises Failure 503 while nothing is known."""
        if caller.impersonator is not None:
            acting = self.rights(caller.impersonator)
            asked = acting_as(caller.name, (group for group in caller.groups if group != AUTHENTICATED))
            return self.is_good(caller.impersonator) and all(map(acting.allow, asked))
        if not caller.token:
            return True
        if not self.is_loaded:
            raise not_loaded()
        found = self._tokens.get(caller.name)
        if found is None or found.caller.token != caller.token or self._is_over(found):
            return False
        return set(caller.groups) - {AUTHENTICATED} == set(found.caller.groups)

    def seconds_left(self, caller: Caller) -> float:
        """Until the caller's token ends by itself; infinite where it does not."""
        caller = caller.impersonator or caller
        found = self._tokens.get(caller.name) if caller.token else None
        if found is None or found.expires is None:
            return float("inf")
        return max(0.0, (found.expires - self._now()).total_seconds())

    def rights(self, caller: Caller) -> Rights:
        """What the caller may now. Raises Failure 503 while that cannot be known."""
        if not self.is_loaded and MASTERS not in caller.groups:
            raise not_loaded()
        return self.grants.rights_of(caller.name, caller.groups)

    def rights_of(self, somebody: Caller) -> Rights:
        """What another one may, by name and groups. Raises Failure 503 while that cannot be known."""
        if not self.is_loaded:
            raise not_loaded()
        return self.grants.rights_of(somebody.name, somebody.groups)

    def _is_over(self, token: _Token) -> bool:
        return token.expires is not None and self._now() >= token.expires

    async def _follow(self, kind: Kind) -> None:
        try:
            while True:
                try:
                    values, revision = await self._store.list_objects(kind.collection)
                    self._replace(kind, values)
                    self._reach(kind, revision)
                    watch = self._store.watch(revision, kind.collection)
                    try:
                        async for change in watch:
                            key = change.key
                            if change.type is ChangeType.DELETED:
                                self._drop(kind, key.namespace, key.name)
                            else:
                                self._put(kind, change.object)
                            self._reach(kind, change.revision)
                    finally:
                        await watch.aclose()
                    return
                except Compacted:
                    log.info("the store no longer has the latest changes of %s: listing them anew", kind.plural)
                    self._lose(kind)
                except DnsguardError as error:
                    log.error("%s cannot be followed, nobody is let in who is in need of them: %s", kind.plural, error)
                    self._lose(kind)
                    await asyncio.sleep(RETRY_SECONDS)
        finally:
            self._lose(kind)

    def _replace(self, kind: Kind, values: list[Object]) -> None:
        there = {(value["metadata"].get("namespace", ""), value["metadata"]["name"]) for value in values}
        known = {("", name) for name in self._tokens} if kind.model is AccessToken else self.grants.keys(kind.kind)
        for namespace, name in known - there:
            self._drop(kind, namespace, name)
        for value in values:
            self._put(kind, value)

    def _put(self, kind: Kind, value: Object) -> None:
        namespace, name = value["metadata"].get("namespace", ""), value["metadata"]["name"]
        try:
            resource: Resource = parse_object(value)
        except InvalidResource as error:  # came by another way than this API: what cannot be read grants nothing
            log.error("%s is not understood, and grants nothing: %s", kind.called(name), error)
            self._drop(kind, namespace, name)
            return
        if not isinstance(resource, AccessToken):
            self.grants.put(cast("Role | ClusterRole | Binding", resource))
            return
        self._drop(kind, namespace, name)
        if resource.spec.hash is not None:
            expires = None if resource.spec.expires is None else moment(resource.spec.expires)
            caller = Caller(name, resource.spec.groups or (), token=str(resource.metadata.uid))
            token = _Token(caller, bytes.fromhex(resource.spec.hash), expires)
            self._tokens[name] = self._by_digest[token.digest] = token

    def _drop(self, kind: Kind, namespace: str, name: str) -> None:
        if kind.model is not AccessToken:
            self.grants.drop(kind.kind, namespace, name)
        elif token := self._tokens.pop(name, None):
            self._by_digest.pop(token.digest, None)

    def _reach(self, kind: Kind, revision: int) -> None:
        self._reached[kind.collection] = revision
        self._wake()

    def _lose(self, kind: Kind) -> None:
        self._reached.pop(kind.collection, None)
        self._wake()

    def _wake(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()


def acting_as(user: str, groups: Iterable[str]) -> list[Ask]:
    """What must be allowed to who acts as somebody in these groups."""
    return [
        Ask("impersonate", "", "users", name=user),
        *(Ask("impersonate", "", "groups", name=group) for group in groups),
    ]


def not_loaded() -> Failure:
    """Nobody but the local administrator is let in yet."""
    return unavailable("roles and tokens are not loaded yet: try again")
