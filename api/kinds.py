"""The routes that serve every registered kind, at the paths of Kubernetes."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dnsguard.api.answers import answer, media_type
from dnsguard.api.auditing import audit_note
from dnsguard.api.authorization.access import Access
from dnsguard.api.authorization.guard import Guard, asked, tier_wanted
from dnsguard.api.authorization.sessions import held_while
from dnsguard.api.description.discovery import API_VERSIONS, root_of
from dnsguard.api.failures import Failure, details_of, failure_of
from dnsguard.api.gate import caller_of
from dnsguard.api.methods import MethodsRoute
from dnsguard.api.queries import is_true
from dnsguard.api.reading.listing import Lists
from dnsguard.api.reading.representation import representation
from dnsguard.api.reading.selection import selection
from dnsguard.api.reading.statuses import Statuses, shown, with_status
from dnsguard.api.reading.streams import Streams, watch_request
from dnsguard.api.reading.tables import Shown
from dnsguard.api.reading.watching import StreamResponse
from dnsguard.api.services import Lockouts
from dnsguard.api.writing.bodies import Body, content_type, read_body
from dnsguard.api.writing.deletions import deletion
from dnsguard.api.writing.entries import ENTRIES, EntriesPatch
from dnsguard.api.writing.objects import Objects, Target, Written, key_of
from dnsguard.api.writing.options import WriteOptions, is_dry, write_options
from dnsguard.api.writing.patches import Change, json_patch, merge_patch, strategic_patch
from dnsguard.api.writing.spelling import as_kept
from dnsguard.errors import DnsguardError
from dnsguard.resources import kind_at
from dnsguard.store.interface import NotFound, Object, Store

PATCHES = {
    "application/json-patch+json": json_patch,
    "application/merge-patch+json": merge_patch,
    "application/strategic-merge-patch+json": strategic_patch,
}

APPLY = "application/apply-patch+yaml"
"""Server-side apply; JSON is YAML, too."""

SHOWN_ONCE = "status.token of this answer is the token, and is shown nowhere else: kubectl create -o yaml prints it"
"""For who sees no more of an answer than that it is one."""


class KindRoutes:
    """One generic set of routes: the path says which kind."""

    def __init__(
        self,
        store: Store,
        objects: Objects,
        streams: Streams,
        statuses: Statuses,
        access: Access,
        now: Callable[[], datetime],
        lockouts: Lockouts,
    ) -> None:
        self._store = store
        self._lockouts = lockouts
        self._objects = objects
        self._streams = streams
        self._statuses = statuses
        self._access = access
        self._now = now
        self._lists = Lists(store, statuses, now)

    def routes(self) -> Iterator[Route]:
        """The routes of all groups. They are described by the OpenAPI documents of the kinds, not by FastAPI."""
        collection = {"GET": self.list_or_watch, "POST": self.create, "DELETE": self.delete_collection}
        one = {"GET": self.get, "PUT": self.replace, "PATCH": self.patch, "DELETE": self.delete}
        for root in map(root_of, API_VERSIONS):
            for path in (f"{root}/namespaces/{{namespace}}/{{plural}}", f"{root}/{{plural}}"):
                yield MethodsRoute(path, collection)
                yield MethodsRoute(f"{path}/{{name}}", one)

    async def get(self, request: Request) -> Response:
        """One object."""
        target = _target(request)
        guard = self._guard(request, target, "get")
        how = representation(request.headers.get("accept", ""), request.query_params.get("includeObject", ""))
        try:
            value = self._shown(target, await self._objects.judged(target, guard))
        except DnsguardError as error:
            raise failure_of(error, target.kind, target.name) from error
        return _answer(request, Shown(target.kind, how, self._now()).one(value))

    async def list_or_watch(self, request: Request) -> Response:
        """Objects of a kind, or their changes from now on (``watch=1``)."""
        target = _target(request)
        query = request.query_params
        fields = query.get("fieldSelector", "")
        wanted = selection(target.kind, query.get("labelSelector", ""), fields)
        watching = is_true(query, "watch")
        guard = self._guard(request, target, "watch" if watching else "list", wanted.name or "", tier_wanted(fields))
        if guard.judges_each:
            wanted = wanted.also(guard.sees)
        how = representation(request.headers.get("accept", ""), query.get("includeObject", ""))
        if watching:
            how_watched = watch_request(query, caller_of(request.scope).name)
            return StreamResponse(await self._streams.stream(target, wanted, how, how_watched))
        return await self._lists.answer(target, wanted, how, query)

    async def create(self, request: Request) -> Response:
        """Store a new object."""
        target, options = self._writing(request, "create")
        body = await read_body(request, lenient=options.lenient)
        try:
            written = await self._objects.create(target, body.value, body.size, options)
        except DnsguardError as error:
            raise failure_of(error, target.kind, _name_in(body.value)) from error
        return await self._written(request, target, written, body)

    async def replace(self, request: Request) -> Response:
        """Replace an object as a whole."""
        target, options = self._writing(request, "update")
        body = await read_body(request, lenient=options.lenient)
        try:
            written = await self._objects.replace(target, body.value, body.size, options)
        except DnsguardError as error:
            raise failure_of(error, target.kind, target.name) from error
        return await self._written(request, target, written, body)

    async def patch(self, request: Request) -> Response:
        """Change a part of an object, or apply what somebody wants to have set of it."""
        given = content_type(request)
        if given == ENTRIES:
            return await self._patch_entries(request)
        target, options = self._writing(request, "patch", applying=given == APPLY)
        if given not in (*PATCHES, APPLY):
            known = ", ".join((*PATCHES, APPLY))
            raise Failure(415, "UnsupportedMediaType", f"patches are {known}, not {given[:100]!r}")
        body = await read_body(request, frozenset((*PATCHES, APPLY)), lenient=options.lenient)
        try:
            data, spelling = as_kept(target.kind, body.value)
            if given == APPLY:
                written = await self._objects.apply(target, data, options)
            else:
                change: Change = PATCHES[given](data)
                written = await self._objects.patch(target, change, options)
        except DnsguardError as error:
            raise failure_of(error, target.kind, target.name) from error
        return await self._written(request, target, replace(written, warnings=(*spelling, *written.warnings)), body)

    async def _patch_entries(self, request: Request) -> Response:
        """Add and remove entries of a network set; the answer says what became of each, and not the whole set."""
        target, options = self._writing(request, "patch")
        body = await read_body(request, frozenset({ENTRIES}))
        try:
            change = EntriesPatch(target.kind, body.value)
            written = await self._objects.patch(target, change, options)
        except DnsguardError as error:
            raise failure_of(error, target.kind, target.name) from error
        audit_note(request.scope).written = written
        report = change.report(written).model_dump(mode="json", by_alias=True)
        return _answer(request, report, 200, change.warnings)

    async def delete(self, request: Request) -> Response:
        """Remove an object."""
        target, dry_run = _changing(request)
        guard = self._guard(request, target, "delete")
        asked_for = await deletion(request, dry_run=dry_run)
        dry_run = asked_for.dry_run
        try:
            written = await self._objects.delete(target, asked_for.preconditions, dry_run=dry_run, judge=guard)
        except DnsguardError as error:
            raise failure_of(error, target.kind, target.name) from error
        audit_note(request.scope).written = written
        await self._in_force(target, written, dry_run=dry_run)
        details = details_of(target.kind, target.name) | {"uid": written.object["metadata"].get("uid", "")}
        shut_out = await self._lockouts(target.key, None)
        return _answer(request, {**_SUCCESS, "details": details}, warnings=shut_out)

    async def delete_collection(self, request: Request) -> Response:
        """Remove every object of a kind that the selectors choose, one after another; the first refusal ends it. Before
        the first is removed each is judged; what the caller may neither remove nor see is left where it is."""
        target, dry_run = _changing(request)
        note = audit_note(request.scope)
        note.verb = "deletecollection"
        query = request.query_params
        fields = query.get("fieldSelector", "")
        wanted = selection(target.kind, query.get("labelSelector", ""), fields)
        guard = self._guard(request, target, note.verb, wanted.name or "", tier_wanted(fields))
        asked_for = await deletion(request, dry_run=dry_run)
        dry_run = asked_for.dry_run
        values, revision = await self._store.list_objects(target.kind.collection, target.namespace or None)
        gone: list[Object] = []
        chosen = guard.removable(filter(wanted, values))
        for value in chosen[: asked_for.limit or None]:
            key = key_of(target, value)
            one = replace(target, namespace=key.namespace, name=key.name)
            if not note.admitted:  # the first was with the request
                note.admit()
            try:
                written = await self._objects.delete(one, asked_for.preconditions, dry_run=dry_run, judge=guard)
            except NotFound:
                continue  # somebody else removed it meanwhile
            except DnsguardError as error:
                raise failure_of(error, target.kind, key.name) from error
            await note.changed(one, written)
            await self._in_force(target, written, dry_run=dry_run)
            gone.append(written.object)
        metadata: dict[str, Any] = {"resourceVersion": str(revision)}
        if asked_for.limit and (left := len(chosen) - asked_for.limit) > 0:
            metadata["remainingItemCount"] = left
        kind = f"{target.kind.kind}List"
        return _answer(
            request, {"apiVersion": target.kind.api_version, "kind": kind, "metadata": metadata, "items": gone}
        )

    async def _written(self, request: Request, target: Target, written: Written, body: Body) -> Response:
        audit_note(request.scope).written = written
        value = written.object
        await self._in_force(target, written, dry_run=audit_note(request.scope).dry_run)
        if not audit_note(request.scope).dry_run:
            value = self._shown(target, value)
        elif "resourceVersion" in value["metadata"]:  # it is what it would be, its status is that of what there is
            key = key_of(target, value)
            with suppress(NotFound):
                value = with_status(value, self._statuses.of(key, await self._store.get(key)))
        if written.secret:
            value = {**value, "status": {"token": written.secret}}
            if request.headers.get("user-agent", "") != "dnsguard":  # our own commands print it
                written = replace(written, warnings=(*written.warnings, SHOWN_ONCE))
        code = 201 if written.made else 200
        shut_out = await self._lockouts(key_of(target, written.object), written.object)
        return _answer(request, value, code, (*body.warnings, *written.warnings, *shut_out))

    def _writing(self, request: Request, verb: str, *, applying: bool = False) -> tuple[Target, WriteOptions]:
        """As ``_changing``, for what has a body: also how it is read, who owns what it changes, and who judges it."""
        target, dry_run = _changing(request)
        guard = self._guard(request, target, verb)
        agent = request.headers.get("user-agent", "")
        options = write_options(request.query_params, agent, applying=applying, dry_run=dry_run)
        return target, replace(options, judge=guard)

    def _guard(self, request: Request, target: Target, verb: str, name: str = "", tier: str = "") -> Guard:
        """Who asks may do this with some object at least. Raises Failure 403, 503."""
        note = audit_note(request.scope)
        if note.target is None:  # of who may not even read it the audit tells what
            note.target, note.verb = target, verb
        guard = Guard(self._access, caller_of(request.scope), asked(target, verb, name), target)
        guard.enter(tier)
        held_while(request.scope, guard.stands)
        return guard

    async def _in_force(self, target: Target, written: Written, *, dry_run: bool) -> None:
        """Return once the change counts for who asks next."""
        if target.kind.is_access and not dry_run:
            await self._access.settled(target.kind, int(written.object["metadata"]["resourceVersion"]))

    def _shown(self, target: Target, value: Object) -> Object:
        return shown(self._statuses, target.kind.collection, value)


_SUCCESS = {"apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Success"}


def _target(request: Request) -> Target:
    """What the path names. Raises Failure 404 for a kind that is not served there."""
    parameters = request.path_params
    path = request.scope["path"]  # not request.url, of which the header Host is a part
    _, root, group, *_ = path.split("/")
    kind = kind_at(group if root == "apis" else "", parameters["plural"])
    if kind is None or ("namespace" in parameters and not kind.namespaced):
        raise Failure(404, "NotFound", f"there is nothing at {path[:200]}; GET /apis lists what there is")
    namespace, name = parameters.get("namespace", ""), parameters.get("name", "")
    if name and kind.namespaced and not namespace:
        raise Failure(404, "NotFound", f"name the namespace: …/namespaces/NAMESPACE/{kind.plural}/{name}")
    return Target(kind, namespace, name)


def _changing(request: Request) -> tuple[Target, bool]:
    """What is to be changed, and whether only for show; both noted for the audit."""
    target = _target(request)
    if target.kind.namespaced and not target.namespace:
        raise Failure(405, "MethodNotAllowed", f"name the namespace: …/namespaces/NAMESPACE/{target.kind.plural}")
    media_type(request.headers.get("accept", ""))  # who cannot read the answer must not find the change made
    note = audit_note(request.scope)
    note.target = target
    note.dry_run = is_dry(request.query_params.getlist("dryRun"))
    note.admit()
    return target, note.dry_run


def _answer(request: Request, value: Any, code: int = 200, warnings: tuple[str, ...] = ()) -> Response:
    return answer(request.headers.get("accept", ""), value, code, warnings)


def _name_in(data: Any) -> str:
    metadata = data.get("metadata") if isinstance(data, dict) else None
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return name if isinstance(name, str) else ""
