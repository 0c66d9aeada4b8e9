"""Objects as the API changes them: checked, completed, atomic with regard to what they refer to. Knows no HTTP."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from dnsguard.access.builtin import BUILTIN_NAMES, BUILTIN_ROLES
from dnsguard.api.authorization.judging import ANYTHING, Judge
from dnsguard.api.authorization.tokensecrets import with_hash_of, with_secret
from dnsguard.api.failures import Failure, bad_request
from dnsguard.api.threads import LARGE, done
from dnsguard.api.writing.apply.owners import stamped
from dnsguard.api.writing.metadata import Stated, created, generated_name, replaced, stated_revision, taken_apart
from dnsguard.api.writing.options import WriteOptions
from dnsguard.api.writing.ownership import (
    applied_over,
    owned_after_apply,
    owned_after_update,
    owned_from_start,
    without_nulls,
)
from dnsguard.resources import (
    KINDS,
    InvalidResource,
    Kind,
    Namespace,
    Policy,
    Profile,
    Resource,
    Tier,
    kind_of,
    kind_of_resource,
    parse_object,
    to_dict,
    warnings,
)
from dnsguard.resources.accesstoken import AccessToken, without_hash
from dnsguard.resources.metadata import ObjectMeta
from dnsguard.resources.rbac import ClusterRole
from dnsguard.resources.references import BUILTINS, deletion_causes, reference_causes, reference_warnings
from dnsguard.resources.unknown import without_unknown
from dnsguard.store.interface import AlreadyExists, Conflict, Key, NotFound, Object, Store

ATTEMPTS = 5
"""How often a change that names no revision is made anew because another one came between."""


@dataclass(frozen=True, slots=True)
class Target:
    """The object or the collection that a request is about."""

    kind: Kind
    namespace: str
    name: str = ""

    @property
    def key(self) -> Key:
        return Key(self.kind.collection, self.namespace, self.name)

    def __str__(self) -> str:
        return str(self.key)


def key_of(target: Target, value: Object) -> Key:
    """Where an object of a collection lives."""
    return Key(target.kind.collection, value["metadata"].get("namespace", ""), value["metadata"]["name"])


@dataclass(frozen=True, slots=True)
class Written:
    """A change that was made (or would have been: dry run)."""

    object: Object
    warnings: tuple[str, ...] = ()
    previous: Object | None = None
    """What it replaced or deleted."""

    made: bool = False
    """It did not exist before."""

    secret: str = ""
    """Of an access token that was made."""


DEFAULTS = WriteOptions()


@dataclass(frozen=True, slots=True)
class Preconditions:
    """What must hold of an object that is deleted; empty for anything."""

    uid: str = ""
    resource_version: str = ""


class Objects:
    """One per process: its lock is what makes checks of references and the write after them one step."""

    def __init__(self, store: Store, now: Callable[[], datetime], new_uid: Callable[[], str]) -> None:
        self._store = store
        self._now = now
        self._new_uid = new_uid
        self._references = asyncio.Lock()
        """Held by writes of policies, which refer to tiers, and by deletions of tiers."""

    async def ensure_builtins(self) -> None:
        """Create the built-in objects that do not exist yet, and put built-in roles right that were others before.

        Raises StoreUnavailable.
        """
        for resource in (*BUILTINS, *BUILTIN_ROLES):
            kind = kind_of_resource(resource)
            try:
                await self.create(Target(kind, resource.namespace), to_dict(resource))
            except AlreadyExists:
                if kind.is_access:
                    await self.replace(Target(kind, resource.namespace, resource.name), to_dict(resource))

    async def create(self, target: Target, data: Any, size: int = 0, options: WriteOptions = DEFAULTS) -> Written:
        """``size``: bytes that the data came in. Raises Failure, InvalidResource, AlreadyExists, StoreUnavailable."""

        def own(value: Object, stated: Stated) -> Object:
            return owned_from_start(value, stated.managed_fields, options.manager, self._stamp())

        return await self._create(target, data, size, options, own)

    async def replace(self, target: Target, data: Any, size: int = 0, options: WriteOptions = DEFAULTS) -> Written:
        """Put ``data`` in the place of the object; its resourceVersion, where given, must be the current one.

        Raises Failure, InvalidResource, NotFound, Conflict, StoreUnavailable.
        """
        return await self._update(target, lambda _: data, size, options)

    async def patch(self, target: Target, change: Callable[[Object], Any], options: WriteOptions = DEFAULTS) -> Written:
        """Put what ``change`` makes of the object in its place. Raises what ``replace`` and ``change`` do."""
        return await self._update(target, change, LARGE, options)

    async def apply(self, target: Target, config: Any, options: WriteOptions) -> Written:
        """Server-side apply: ``config`` says what the manager wants to have set, and nothing of the rest.

        Creates the object where there is none. Raises what ``replace`` does, and Failure 409 for fields of others.
        """
        config = _configuration(config, target)
        now = self._stamp()

        def own_new(value: Object, stated: Stated) -> Object:
            if stated.uid:
                raise Conflict(f"{target} does not exist, so none has the uid {stated.uid[:64]}: leave it out")
            nothing = {"apiVersion": value["apiVersion"], "metadata": {}}
            return owned_after_apply(value, nothing, config, options.manager, now, force=True)

        def own(value: Object, current: Object, _: Stated) -> Object:
            return owned_after_apply(value, current, config, options.manager, now, force=options.force)

        for attempt in range(ATTEMPTS):
            try:
                return await self._change(
                    target, lambda current: applied_over(current, config, options.manager), LARGE, options, own
                )
            except NotFound:
                pass
            try:
                return await self._create(target, config, LARGE, options, own_new)
            except AlreadyExists:
                if attempt == ATTEMPTS - 1:
                    raise
        raise AssertionError("the last attempt returns or raises")

    async def delete(
        self, target: Target, preconditions: Preconditions, *, dry_run: bool = False, judge: Judge = ANYTHING
    ) -> Written:
        """Raises Failure, NotFound, Conflict, StoreUnavailable."""
        if target.kind.model is not Tier:
            return await self._delete(target, preconditions, judge, dry_run=dry_run)
        async with self._references:
            return await self._delete(target, preconditions, judge, dry_run=dry_run)

    async def judged(self, target: Target, judge: Judge) -> Object:
        """The object as it is, once the judge has seen it. Raises Failure, NotFound."""
        try:
            current = await self._store.get(target.key)
        except NotFound:
            judge.absent()
            raise
        judge.before(current)
        return current

    def _stamp(self) -> str:
        return stamped(self._now())

    async def _create(
        self, target: Target, data: Any, size: int, options: WriteOptions, own: Callable[[Object, Stated], Object]
    ) -> Written:
        data, stated = taken_apart(data, target.kind, target.namespace)
        if stated.resource_version:
            raise bad_request("metadata.resourceVersion cannot be set on an object that is created: leave it out")
        generating = bool(stated.generate_name) and not data["metadata"].get("name")
        for attempt in range(ATTEMPTS):
            if generating:
                data["metadata"]["name"] = generated_name(stated.generate_name)
            read = await _read(data, target, size, options)
            new = created(read.value, self._new_uid(), self._now())
            value = await done(partial(own, new, stated), size)
            secret = ""
            if target.kind.model is AccessToken:
                value, secret = with_secret(value)
            options.judge.after(None, value, named=not generating)
            key = Key(target.kind.collection, read.resource.namespace, read.resource.name)

            async def write(key: Key = key, value: Object = value) -> Object:
                if options.dry_run:
                    await self._absent(key)
                    return value
                return await self._store.create(key, value)

            try:
                written = await self._referring(read, write)
                return replace(written, made=True, secret="" if options.dry_run else secret)
            except AlreadyExists:
                if not generating or attempt == ATTEMPTS - 1:
                    raise
        raise AssertionError("the last attempt returns or raises")

    async def _update(
        self, target: Target, change: Callable[[Object], Any], size: int, options: WriteOptions
    ) -> Written:
        now = self._stamp()

        def own(value: Object, current: Object, stated: Stated) -> Object:
            return owned_after_update(value, current, stated.managed_fields, options.manager, now)

        return await self._change(target, change, size, options, own)

    async def _change(
        self,
        target: Target,
        change: Callable[[Object], Any],
        size: int,
        options: WriteOptions,
        own: Callable[[Object, Object, Stated], Object],
    ) -> Written:
        for attempt in range(ATTEMPTS):
            current = await self.judged(target, options.judge)
            revision = int(current["metadata"]["resourceVersion"])
            # A patch could test or copy the hash of a secret; it is put back below.
            seen = without_hash(current) if target.kind.model is AccessToken else current
            changed = await _changed(change, seen, size)
            data, stated = taken_apart(changed, target.kind, target.namespace)
            _require(target, current, stated.uid, stated.resource_version)
            read = await _read(data, target, size, options)
            if read.resource.name != target.name:
                raise bad_request(
                    f"metadata.name is {read.resource.name!r}, the path says {target.name!r}: correct one"
                )
            value = with_hash_of(read.value, current) if target.kind.model is AccessToken else read.value
            value = replaced(value, current)
            value = await done(partial(own, value, current, stated), size)
            options.judge.after(current, value)

            async def write(value: Object = value, revision: int = revision) -> Object:
                return value if options.dry_run else await self._store.update(target.key, value, revision)

            try:
                written = await self._referring(read, write)
            except Conflict:
                if attempt == ATTEMPTS - 1:
                    raise  # before that: read again, which also tells whether the client asked for one revision only
            else:
                return replace(written, previous=current)
        raise AssertionError("the last attempt returns or raises")

    async def _referring(self, read: "_Read", write: Callable[[], Awaitable[Object]]) -> Written:
        """Write an object once what it refers to exists; nothing that it refers to goes away meanwhile."""
        resource = read.resource
        if not isinstance(resource, Policy):
            return Written(await write(), warnings=read.warnings)
        async with self._references:
            tiers = frozenset(tier["metadata"]["name"] for tier in (await self._store.list_objects("tiers"))[0])
            if causes := reference_causes(resource, tiers):
                name = "/".join(part for part in (resource.namespace, resource.name) if part)
                raise InvalidResource(f"{resource.kind} {name}", causes)
            return Written(await write(), warnings=(*read.warnings, *reference_warnings(resource, tiers)))

    async def _delete(self, target: Target, preconditions: Preconditions, judge: Judge, *, dry_run: bool) -> Written:
        for attempt in range(ATTEMPTS):
            current = await self.judged(target, judge)
            revision = int(current["metadata"]["resourceVersion"])
            _require(target, current, preconditions.uid, preconditions.resource_version)
            await self._refuse_deletion(target)
            if dry_run:
                return Written(current, previous=current)
            try:
                deleted = await self._store.delete(target.key, revision)
                return Written(deleted, previous=current)
            except Conflict:
                if attempt == ATTEMPTS - 1:
                    raise
        raise AssertionError("the last attempt returns or raises")

    async def _refuse_deletion(self, target: Target) -> None:
        """Raises Failure where something built in, or something that others are in, would go (V-23, V-24)."""
        held: list[Resource] = []
        if target.kind.model is Tier:
            held = await self._policies_of(target.name)
        elif target.kind.model is Namespace:
            held = await self._objects_in(target.name)
        elif target.kind.model is ClusterRole and target.name in BUILTIN_NAMES:
            raise Failure(403, "Forbidden", f"clusterrole {target.name} is built in and cannot be deleted")
        elif target.kind.model is not Profile:
            return
        if causes := deletion_causes(_identity(target, {}), held):
            code, reason = (403, "Forbidden") if causes[0].code == "V-24" else (409, "Conflict")
            raise Failure(code, reason, "; ".join(cause.message for cause in causes), causes=causes)

    async def _policies_of(self, tier: str) -> list[Resource]:
        found: list[Resource] = []
        for kind in KINDS:
            if issubclass(kind.model, Policy):
                for value in (await self._store.list_objects(kind.collection))[0]:
                    if value.get("spec", {}).get("tier", "default") == tier:
                        metadata = value["metadata"]
                        target = Target(kind, metadata.get("namespace", ""), metadata["name"])
                        found.append(_identity(target, {"tier": tier}))
        return found

    async def _objects_in(self, namespace: str) -> list[Resource]:
        """One that is created at the same moment may be missed: it then is as one created after the deletion, which
        is no error, since objects do not need that of their namespace."""
        found: list[Resource] = []
        for value in (await self._store.list_objects(None, namespace))[0]:
            kind = kind_of(value["kind"], value["apiVersion"])
            metadata = ObjectMeta(name=value["metadata"]["name"], namespace=namespace)
            found.append(kind.model.model_construct(api_version=kind.api_version, kind=kind.kind, metadata=metadata))
        return found

    async def _absent(self, key: Key) -> None:
        try:
            await self._store.get(key)
        except NotFound:
            return
        raise AlreadyExists(f"{key} exists already")


async def _changed(change: Callable[[Object], Any], current: Object, size: int) -> Any:
    return await done(lambda: change(deepcopy(current)), size)


@dataclass(frozen=True, slots=True)
class _Read:
    """An object that a client sent, checked."""

    resource: Resource
    value: Object
    """In its JSON shape, with what the kind fills in."""

    warnings: tuple[str, ...]


async def _read(data: Any, target: Target, size: int, options: WriteOptions) -> _Read:
    """Raises InvalidResource. Large objects are checked in a thread, so that other requests go on."""

    def read() -> _Read:
        kept, dropped = without_unknown(data) if options.lenient else (data, ())
        resource = parse_object(kept, target.namespace)
        said = tuple(f'unknown field "{field}"' for field in dropped)
        return _Read(resource, to_dict(resource), (*said, *warnings(resource)))

    return await done(read, size)


def _configuration(config: Any, target: Target) -> Object:
    """What is applied, with the name that the path says. Raises Failure 400."""
    config = without_nulls(config)
    if not isinstance(config, dict) or not isinstance(config.get("metadata", {}), dict):
        raise bad_request("an apply patch is an object as it should be, of which it may leave out what others set")
    metadata = config.get("metadata", {})
    if metadata.get("managedFields"):
        raise bad_request("metadata.managedFields must be nil: an apply says what is set, the server by whom")
    if (
        metadata.get("name", target.name) != target.name
    ):  # or an object of another name than was asked for would be made
        raise bad_request(
            f"metadata.name is {str(metadata['name'])[:253]!r}, the path says {target.name!r}: correct one"
        )
    kind = {"apiVersion": target.kind.api_version, "kind": target.kind.kind}
    return {**kind, **config, "metadata": {"name": target.name, **metadata}}


def _identity(target: Target, spec: Mapping[str, Any]) -> Resource:
    """A resource that says little more than its name: for checks that ask for no more, however large the object is."""
    metadata = {"name": target.name} | ({"namespace": target.namespace} if target.namespace else {})
    kind = target.kind
    return parse_object({"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, "spec": spec})


def _require(target: Target, current: Object, uid: str, resource_version: str) -> None:
    """Raises Conflict where the object is not the one that the client means; empty means any."""
    metadata = current["metadata"]
    if uid and uid != metadata.get("uid"):
        raise Conflict(f"{target} has uid {metadata.get('uid')}, not {uid[:64]}: it was made anew")
    expected = stated_revision(resource_version)
    if expected is not None and expected != int(metadata["resourceVersion"]):
        raise Conflict(
            f"{target} is at resourceVersion {metadata['resourceVersion']}, not {expected}: read it again and repeat"
        )
