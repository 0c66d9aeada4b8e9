"""``/metrics``, in Prometheus' text format."""

import asyncio
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from dnsguard.api.services import Metrics
from dnsguard.api.traffic import Traffic
from dnsguard.observe.exposition import CONTENT_TYPE, exposition


class ScrapeRoute:
    """One route, behind the same gate as all others."""

    def __init__(self, metrics: Metrics, traffic: Traffic) -> None:
        self._metrics = metrics
        self._traffic = traffic

    def router(self) -> APIRouter:
        """The route, described at ``/openapi.json``."""
        text: dict[int | str, dict[str, Any]] = {200: {"content": {CONTENT_TYPE: {"schema": {"type": "string"}}}}}
        router = APIRouter(tags=["dnsguard"])
        router.add_api_route("/metrics", self.scrape, methods=["GET"], response_class=Response, responses=text)
        return router

    async def scrape(self) -> Response:
        """Metrics of the controller for Prometheus: what policies and rules matched, the dataplane, store, API and
        forwarders. Forwarders tell their own at their health address."""
        found = [*await self._metrics(), *self._traffic.metrics()]
        return Response(await asyncio.to_thread(exposition, found), media_type=CONTENT_TYPE)
