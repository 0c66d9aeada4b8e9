"""What Kubernetes has no word for: ``/v1/``."""

import asyncio
from typing import Any, Final

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from dnsguard.api.answers import answer
from dnsguard.api.failures import Failure, bad_request
from dnsguard.api.queries import is_true, require_known
from dnsguard.api.services import Services, StatsQuestion
from dnsguard.api.views.auditlines import answer_audit
from dnsguard.api.views.counted import StatsReport
from dnsguard.api.views.dnslog import answer_dns_log
from dnsguard.api.views.effective import Effective
from dnsguard.api.views.eventstream import EVENTS
from dnsguard.api.views.explaining import ExplainQuery, Explanation
from dnsguard.api.views.followers import Followers
from dnsguard.api.views.following import follow_value, is_followed
from dnsguard.api.views.learned import leases_question, names_question
from dnsguard.api.views.lines import LINES
from dnsguard.api.views.models import EndpointStates, LeaseStates, NameStates, StatusReport, View
from dnsguard.api.views.packets import answer_packets
from dnsguard.api.views.statuschanges import StatusChanges
from dnsguard.api.writing.bodies import body_value
from dnsguard.resources import Cause

COUNTED_KINDS: Final = (
    "NetworkPolicy", "GlobalNetworkPolicy", "KubernetesNetworkPolicy", "Profile", "Tier",
)  # fmt: skip
"""Kinds whose objects have counters, as ``/v1/stats`` calls them."""


class ViewRoutes:
    """The read models as routes."""

    def __init__(self, services: Services, followers: Followers) -> None:
        self._services = services
        self._followers = followers
        self._status_changes = StatusChanges(services.status)

    def router(self) -> APIRouter:
        """The routes, described at ``/openapi.json``."""
        router = APIRouter(prefix="/v1", tags=["dnsguard"])
        asked = {"requestBody": {"required": True, "content": {"application/json": {"schema": _schema(ExplainQuery)}}}}
        router.add_api_route(
            "/explain", self.explain, methods=["POST"], response_model=Explanation, openapi_extra=asked
        )
        text = {"schema": {"type": "string"}}
        lines: dict[int | str, dict[str, Any]] = {200: {"content": {LINES: text, EVENTS: text}}}
        router.add_api_route("/effective", self.effective, methods=["GET"], response_model=Effective)
        router.add_api_route("/status", self.status, methods=["GET"], response_model=StatusReport, responses=lines)
        router.add_api_route("/endpoints", self.endpoints, methods=["GET"], response_model=EndpointStates)
        router.add_api_route("/leases", self.leases, methods=["GET"], response_model=LeaseStates)
        router.add_api_route("/names", self.names, methods=["GET"], response_model=NameStates)
        router.add_api_route("/stats", self.stats, methods=["GET"], response_model=StatsReport)
        router.add_api_route("/dns-log", self.dns_log, methods=["GET"], response_class=Response, responses=lines)
        router.add_api_route("/denied", self.denied, methods=["GET"], response_class=Response, responses=lines)
        router.add_api_route("/audit", self.audit, methods=["GET"], response_class=Response, responses=lines)
        return router

    async def explain(self, request: Request) -> Response:
        """What would happen to one connection now, and why."""
        data, _ = await body_value(request)
        try:
            query = ExplainQuery.model_validate(data)
        except ValidationError as error:
            raise _invalid(error) from None
        return _answer(request, await self._services.explain(query))

    async def effective(self, request: Request) -> Response:
        """Everything that applies to one endpoint (``?endpoint=NAMESPACE/NAME``, or the name of a host endpoint), in
        the order of evaluation: what the node decides itself, tiers, policies, rules as written and as resolved,
        profiles; and what is staged, marked.
        """
        query = request.query_params
        if query.keys() != {"endpoint"} or not query["endpoint"]:
            raise bad_request("write ?endpoint=NAMESPACE/NAME, or the name of a host endpoint")
        return await asyncio.to_thread(_answer, request, await self._services.effective(query["endpoint"]))

    async def status(self, request: Request) -> Response:
        """How the whole is: what is enforced, by whom, and what is wrong; ``follow=true`` goes on with it whenever it
        is different, a second later at most."""
        if is_followed(request):
            return await follow_value(request, self._followers, "status", self._status_changes.follow)
        return _answer(request, await self._services.status())

    async def endpoints(self, request: Request) -> Response:
        """Endpoints and how they are enforced on this node; ``?namespace=`` for those of one namespace."""
        return _answer(request, await self._services.endpoints(request.query_params.get("namespace") or None))

    async def leases(self, request: Request) -> Response:
        """Addresses that were learned and who may reach them; ``client=`` (an endpoint or address), ``name=`` (a domain
        pattern), ``address=`` and ``set=`` choose among them, ``limit=`` says how many. ``truncated`` says that there
        are more.

        400 for a client that is none, 404 for an endpoint that is not there.
        """
        return _answer(request, await self._services.leases(leases_question(request.query_params)))

    async def names(self, request: Request) -> Response:
        """Names that were learned, with what clients know of them: aliases, addresses, until when, and the sets that
        their look-ups feed. ``name=`` (a domain pattern) chooses among them, ``limit=`` says how many (100).
        ``truncated`` says that there are more."""
        pattern, limit = names_question(request.query_params)
        return await asyncio.to_thread(_answer, request, await self._services.names(pattern, limit))

    async def stats(self, request: Request) -> Response:
        """Packets and bytes that policies, tiers and profiles counted on this node; ``?kind=``, ``namespace=`` and
        ``name=`` choose among them, ``rules=true`` shows each rule for itself.

        A count begins anew when its rule is edited, when the policy selects nothing for a while, and when the table is
        made anew.
        """
        query = request.query_params
        require_known(query, "kind", "namespace", "name", "rules")
        kind = query.get("kind", "")
        if kind not in ("", *COUNTED_KINDS):
            raise bad_request(f"kind: {kind!r} has no counters; {', '.join(COUNTED_KINDS)} have")
        question = StatsQuestion(kind, query.get("namespace", ""), query.get("name", ""), is_true(query, "rules"))
        report = await self._services.stats(question)
        return await asyncio.to_thread(_answer, request, report)  # ten thousand rules take a while to write down

    async def dns_log(self, request: Request) -> Response:
        """Who asked what and what became of it, one JSON object a line: the newest ``?last=`` records (100), oldest
        first; ``client=`` (an endpoint or address), ``name=`` (a domain pattern) and ``denied=true`` choose among them;
        ``follow=true`` goes on with what comes."""
        return await answer_dns_log(self._services.dns_log, request, self._followers)

    async def denied(self, request: Request) -> Response:
        """Whose packets were denied, to what and by which rule, one JSON object a line: the newest ``?last=`` records
        (100), oldest first; ``client=`` (an endpoint or address, at either end) chooses among them; ``action=Log`` is
        for what Log rules show, ``All`` for both; ``follow=true`` goes on with what comes."""
        return await answer_packets(self._services.packets, request, self._followers)

    async def audit(self, request: Request) -> Response:
        """Who changed what, from where, and with which result; denied attempts, too. One JSON object a line, shaped as
        Kubernetes' audit events: the newest ``?last=`` records (100), oldest first; ``user=`` and ``denied=true``
        choose among them; ``follow=true`` goes on with what comes."""
        return await answer_audit(self._services.audit, request, self._followers)


def _answer(request: Request, view: View) -> Response:
    return answer(request.headers.get("accept", ""), view.model_dump(mode="json", by_alias=True))


def _invalid(error: ValidationError) -> Failure:
    # The query is flat: what follows the field in a location names a member of a union, which is of no use to anybody.
    found = {str(item["loc"][0]) if item["loc"] else "": item for item in reversed(error.errors())}
    causes = [Cause(field, item["msg"], item["type"]) for field, item in reversed(found.items())]
    told = "; ".join(f"{cause.field}: {cause.message}" if cause.field else cause.message for cause in causes)
    return Failure(422, "Invalid", f"the question is invalid: {told}", causes=causes)


def _schema(model: type[View]) -> dict[str, Any]:
    return model.model_json_schema(by_alias=True)
