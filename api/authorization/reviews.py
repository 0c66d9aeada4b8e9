"""The routes of reviews: `kubectl auth can-i`, `auth can-i --list`, `auth whoami`."""

from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

from fastapi import APIRouter
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from dnsguard.access.ask import Ask
from dnsguard.access.rights import Rights
from dnsguard.access.rule import ALL, Rule
from dnsguard.access.tiers import in_some_tier, in_tier, is_tiered, tier_in_name
from dnsguard.api.answers import answer
from dnsguard.api.authorization.access import Access
from dnsguard.api.authorization.refusals import forbidden, forbidden_in_tier
from dnsguard.api.authorization.reviewmodels import (
    AUTHORIZATION,
    AccessAnswer,
    NonResourceRule,
    ResourceRule,
    RulesAnswer,
    SelfSubjectAccessReview,
    SelfSubjectReview,
    SelfSubjectRulesReview,
    SubjectAccessReview,
    UserAnswer,
    UserInfo,
)
from dnsguard.api.description.discovery import REVIEWS, Review, root_of
from dnsguard.api.failures import Failure, bad_request
from dnsguard.api.gate import caller_of
from dnsguard.api.services import Caller
from dnsguard.api.writing.bodies import body_value
from dnsguard.resources.tiernames import DEFAULT_TIER

AnyReview = TypeVar(
    "AnyReview", SelfSubjectAccessReview, SubjectAccessReview, SelfSubjectRulesReview, SelfSubjectReview
)

_GROUP = AUTHORIZATION.partition("/")[0]
_FOR_ALL = (
    Rule(
        frozenset({"create"}), frozenset({_GROUP}), frozenset({"selfsubjectaccessreviews", "selfsubjectrulesreviews"})
    ),
    Rule(frozenset({"create"}), frozenset({"authentication.k8s.io"}), frozenset({"selfsubjectreviews"})),
    Rule(frozenset({"get"}), paths=frozenset({"/api", "/api/*", "/apis", "/apis/*", "/openapi/*", "/version"})),
)
"""What everybody may who is known, besides what roles say."""


class ReviewRoutes:
    """Anybody may ask about itself."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def router(self) -> APIRouter:
        """The routes, described at ``/openapi.json``."""
        router = APIRouter(tags=["authorization"])
        served: dict[type[BaseModel], Callable[[Request], Awaitable[Response]]] = {
            SelfSubjectAccessReview: self.own_access,
            SubjectAccessReview: self.access,
            SelfSubjectRulesReview: self.own_rules,
            SelfSubjectReview: self.who,
        }
        for model, endpoint in served.items():
            name = model.__name__
            schema = {"$ref": f"#/components/schemas/{name}"}
            asked = {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
            router.add_api_route(
                path_of(REVIEWS[name]),
                endpoint,
                methods=["POST"],
                status_code=201,
                response_model=model,
                openapi_extra=asked,
            )
        return router

    async def own_access(self, request: Request) -> Response:
        """Whether the caller may do something."""
        review = await _read(request, SelfSubjectAccessReview)
        caller = caller_of(request.scope)
        ask = _asked(review.spec.ask())
        return _answer(request, review, _decided(caller, self._access.rights(caller), ask))

    async def access(self, request: Request) -> Response:
        """Whether somebody else may do something."""
        caller = caller_of(request.scope)
        needed = Ask("create", _GROUP, "subjectaccessreviews")
        if not self._access.rights(caller).allow(needed):
            raise forbidden(caller, needed)
        review = await _read(request, SubjectAccessReview)
        if not review.spec.user and not review.spec.groups:
            raise bad_request("spec: name the user, its groups, or both")
        other = Caller(review.spec.user, review.spec.groups)
        ask = _asked(review.spec.ask())
        return _answer(request, review, _decided(other, self._access.rights_of(other), ask))

    async def own_rules(self, request: Request) -> Response:
        """All that the caller may in a namespace."""
        review = await _read(request, SelfSubjectRulesReview)
        rights = self._access.rights(caller_of(request.scope))
        every = frozenset({ALL})
        rules = (Rule(every, every, every), Rule(every, paths=every)) if rights.all else ()
        found = list(dict.fromkeys((*rules, *rights.rules_in(review.spec.namespace), *_FOR_ALL)))
        return _answer(
            request,
            review,
            RulesAnswer(resource_rules=tuple(_on_kinds(found)), non_resource_rules=tuple(_on_paths(found))),
        )

    async def who(self, request: Request) -> Response:
        """Who the caller is."""
        review = await _read(request, SelfSubjectReview)
        caller = caller_of(request.scope)
        return _answer(request, review, UserAnswer(user_info=UserInfo(username=caller.name, groups=caller.groups)))


def path_of(review: Review) -> str:
    """Where it is sent."""
    return f"{root_of(review.api_version)}/{review.plural}"


def _decided(caller: Caller, rights: Rights, ask: Ask) -> AccessAnswer:
    """As the routes of kinds decide before they have read an object; of policies, for some tier."""
    if not is_tiered(ask.group, ask.resource):
        allowed = rights.allow(ask)
        return AccessAnswer(allowed=allowed, reason="" if allowed else forbidden(caller, ask).message)
    tier = tier_in_name(ask.name)
    decision = in_tier(rights, ask, tier or DEFAULT_TIER)
    if decision.allowed if tier else in_some_tier(rights, ask):
        return AccessAnswer(allowed=True)
    refused = forbidden_in_tier(caller, ask, tier or DEFAULT_TIER, can_get_tier=decision.can_get_tier)
    return AccessAnswer(allowed=False, reason=refused.message)


def _asked(ask: Ask | None) -> Ask:
    if ask is None:
        raise bad_request("spec: write either resourceAttributes or nonResourceAttributes")
    return ask


def _on_kinds(rules: list[Rule]) -> Iterator[ResourceRule]:
    for rule in rules:
        if rule.resources:
            verbs, groups, resources, names = map(_sorted, (rule.verbs, rule.groups, rule.resources, rule.names))
            yield ResourceRule(verbs=verbs, api_groups=groups, resources=resources, resource_names=names)


def _on_paths(rules: list[Rule]) -> Iterator[NonResourceRule]:
    for rule in rules:
        if rule.paths:
            yield NonResourceRule(verbs=_sorted(rule.verbs), nonResourceURLs=_sorted(rule.paths))


def _sorted(words: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted(words))


async def _read(request: Request, model: type[AnyReview]) -> AnyReview:
    data, _ = await body_value(request)
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise Failure(422, "Invalid", f"the review is invalid: {field}: {first['msg']}") from None


def _answer(request: Request, review: AnyReview, status: AccessAnswer | RulesAnswer | UserAnswer) -> Response:
    value = review.model_copy(update={"status": status}).model_dump(mode="json", by_alias=True, exclude_none=True)
    return answer(request.headers.get("accept", ""), value, 201)
