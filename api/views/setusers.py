"""Which rules look into a network set: for who changes it and wants to know what that opens."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from dnsguard.api.answers import answer
from dnsguard.api.failures import bad_request
from dnsguard.api.threads import LARGE, done
from dnsguard.api.views.models import View
from dnsguard.calc.changes import Change
from dnsguard.calc.labels import effective_labels
from dnsguard.calc.profiles import ProfileBook, namespace_profile
from dnsguard.calc.scoping import entity_selectors
from dnsguard.resources import (
    EntityRule,
    GlobalNetworkSet,
    Kind,
    NetworkSet,
    Resource,
    kind_named,
    kind_of,
    parse_object,
)
from dnsguard.resources.tiernames import DEFAULT_TIER
from dnsguard.store.interface import Key, NotFound, Object, Store

SHOWN: Final = 50
"""Rules that are listed; all are counted."""

_LOOKING: Final = tuple(
    kind_named(name)
    for name in ("globalnetworkpolicies", "networkpolicies", "stagedglobalnetworkpolicies", "stagednetworkpolicies")
)
"""Kubernetes' own policies look for pods and addresses, never into sets."""

_SELECTING: Final = ("selector", "notSelector", "namespaceSelector")
_ENDS: Final = (("egress", "destination"), ("ingress", "source"))


class SetUser(View):
    """One rule that looks into a set."""

    policy: str
    """``Kind/namespace/name``; what is staged has no effect yet."""

    tier: str
    direction: str
    """``egress`` or ``ingress``."""

    rule: int
    """Its place in the policy's list of that direction, counted from 0."""

    action: str


class SetUsers(View):
    """Answer of ``GET /v1/set-users``."""

    policies: int
    """How many policies have such a rule."""

    rules: tuple[SetUser, ...]
    """The first of them."""


class SetUserRoutes:
    """Reads the store; holds nothing."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def router(self) -> APIRouter:
        """The route, described at ``/openapi.json``."""
        router = APIRouter(prefix="/v1", tags=["dnsguard"])
        router.add_api_route("/set-users", self.set_users, methods=["GET"], response_model=SetUsers)
        return router

    async def set_users(self, request: Request) -> Response:
        """The rules of policies that look into the network set ``?name=``: a NetworkSet of ``namespace=``, without that
        a GlobalNetworkSet. 404 where there is none."""
        query = request.query_params
        if query.keys() - {"name", "namespace"} or not query.get("name"):
            raise bad_request("there are name and namespace, and a name must be given")
        namespace = query.get("namespace", "")
        kind = kind_of("NetworkSet" if namespace else "GlobalNetworkSet")
        found = await self._store.get(Key(kind.collection, namespace, query["name"]))
        labels = await self._labels(parse_object({**found, "spec": {}}))
        policies = [(of, (await self._store.list_objects(of.collection))[0]) for of in _LOOKING]
        users = await done(lambda: list(_users(labels, policies)), LARGE)
        report = SetUsers(policies=len({user.policy for user in users}), rules=tuple(users[:SHOWN]))
        return answer(request.headers.get("accept", ""), report.model_dump(mode="json", by_alias=True))

    async def _labels(self, of: Resource) -> Mapping[str, str]:
        """What selectors see of the set: its own labels, and those of its namespace."""
        assert isinstance(of, NetworkSet | GlobalNetworkSet)  # noqa: S101 - by the path
        if not of.namespace:
            return effective_labels(of, [])
        profile = namespace_profile(of.namespace)
        book = ProfileBook()
        changes = [Change(None, of)]
        for collection, name in (("namespaces", of.namespace), ("profiles", profile)):
            try:
                changes.append(Change(None, parse_object(await self._store.get(Key(collection, "", name)))))
            except NotFound:
                continue
        book.apply(changes)
        return effective_labels(of, [book.labels(profile)])


def _users(labels: Mapping[str, str], policies: Iterable[tuple[Kind, Sequence[Object]]]) -> Iterator[SetUser]:
    """The rules whose selectors match; few policies have selectors of their own, so each is read once."""

    @cache
    def matches(namespace: str, selecting: tuple[str | None, ...], accounts: bool) -> bool:
        written = {field: text for field, text in zip(_SELECTING, selecting, strict=True) if text is not None}
        if accounts or not written:
            return False  # a set runs as nobody; and who selects nothing matches every address, set or none
        both = entity_selectors(EntityRule.model_validate(written), namespace)
        return both.positive is not None and both.positive.matches(labels)

    for kind, values in policies:
        for value in values:
            metadata, spec = value["metadata"], value.get("spec") or {}
            namespace = metadata.get("namespace", "")
            name = "/".join(part for part in (kind.kind, namespace, metadata["name"]) if part)
            for direction, end in _ENDS:
                for place, rule in enumerate(spec.get(direction) or ()):
                    entity: Mapping[str, Any] = rule.get(end) or {}
                    selecting = tuple(entity.get(field) for field in _SELECTING)
                    if matches(namespace, selecting, bool(entity.get("serviceAccounts"))):
                        yield SetUser(
                            policy=name,
                            tier=spec.get("tier") or DEFAULT_TIER,
                            direction=direction,
                            rule=place,
                            action=rule["action"],
                        )
