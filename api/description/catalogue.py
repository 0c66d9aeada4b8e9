"""Routes that say what there is: discovery, the version, and the OpenAPI documents that Kubernetes' clients read."""

import asyncio
from collections.abc import Iterable
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from dnsguard.api.answers import answer, as_json
from dnsguard.api.description import aggregated, discovery, openapi2
from dnsguard.api.description.docs import listing, page
from dnsguard.api.description.docstyle import POLICY
from dnsguard.api.description.openapi3 import digest, document, index, tag_of
from dnsguard.api.description.operations import Described
from dnsguard.api.description.whole import description


class CatalogueRoutes:
    """What is served is the same for everybody, and until the program ends."""

    def __init__(self, version: str, described: Iterable[APIRouter]) -> None:
        """``version``: of the program; ``described``: routes that say themselves what they answer."""
        self._version = version
        self._routes = [route for router in described for route in router.routes]
        self._description: tuple[str, Described] | None = None

    def router(self) -> APIRouter:
        """The routes; ``dnsguard.api.description.whole`` describes them."""
        router = APIRouter(include_in_schema=False)
        fixed: dict[str, Any] = {"/version": discovery.version(self._version)}
        fixed |= {
            f"/apis/{name}": discovery.group(name, version) for name, version in discovery.served_groups() if name
        }
        fixed |= {
            discovery.root_of(each): discovery.resources(each)
            for each in (*discovery.API_VERSIONS, *discovery.REVIEW_VERSIONS)
        }
        for path, value in fixed.items():
            _serve(router, path, value)
        router.add_api_route("/api", self.core_versions, methods=["GET"])
        router.add_api_route("/apis", self.named_groups, methods=["GET"])
        router.add_api_route("/openapi.json", self.whole, methods=["GET"])
        router.add_api_route("/docs", self.docs, methods=["GET"])
        router.add_api_route("/openapi/v2", self.old_openapi, methods=["GET"])
        router.add_api_route("/openapi/v3", self.openapi_index, methods=["GET"])
        for each in discovery.API_VERSIONS:
            _serve_document(router, each)
        return router

    async def core_versions(self, request: Request) -> Response:
        """The versions of the core group, or its kinds."""
        return _listed(request, discovery.core_versions(), core=True)

    async def named_groups(self, request: Request) -> Response:
        """The other groups, or these with their kinds."""
        return _listed(request, discovery.named_groups(), core=False)

    async def openapi_index(self, request: Request) -> Response:
        """Where the OpenAPI v3 documents are."""
        return answer(request.headers.get("accept", ""), await asyncio.to_thread(index))

    async def whole(self, request: Request) -> Response:
        """The whole API in one document."""
        return _unless_known(request, *await asyncio.to_thread(self._described))

    async def docs(self, request: Request) -> Response:
        """The same for people: a page for browsers, a list of operations for others."""
        _, document = await asyncio.to_thread(self._described)
        if "text/html" not in request.headers.get("accept", ""):
            return Response(listing(document), media_type="text/plain; charset=utf-8")
        text = await asyncio.to_thread(page, document)
        headers = {"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"}
        return Response(text, media_type="text/html; charset=utf-8", headers=headers)

    def _described(self) -> tuple[str, Described]:
        if self._description is None:
            value = description(self._version, self._routes)
            self._description = tag_of(value), value
        return self._description

    async def old_openapi(self) -> Response:
        """OpenAPI v2, in the one form that old clients ask for."""
        return Response(openapi2.document(), media_type=openapi2.MEDIA_TYPE)


def _serve(router: APIRouter, path: str, value: Any) -> None:
    async def serve(request: Request) -> Response:
        return answer(request.headers.get("accept", ""), value)

    router.add_api_route(path, serve, methods=["GET"])


def _serve_document(router: APIRouter, api_version: str) -> None:
    async def serve(request: Request) -> Response:
        tag = await asyncio.to_thread(digest, api_version)  # the first time it takes half a second to make
        return _unless_known(request, tag, document(api_version))

    router.add_api_route(f"/openapi/v3{discovery.root_of(api_version)}", serve, methods=["GET"])


def _listed(request: Request, plain: Any, *, core: bool) -> Response:
    accept = request.headers.get("accept", "")
    if version := aggregated.asked_for(accept):
        body = as_json(aggregated.group_list(version, core=core))
        response = Response(body, headers={"Content-Type": aggregated.media_type(version)})
    else:
        response = answer(accept, plain)
    response.headers["Vary"] = "Accept"
    return response


def _unless_known(request: Request, tag: str, value: Any) -> Response:
    """The document; who has it already is told so (RFC 9110 § 13.1.2), and who asks by its hash may keep it."""
    if tag in request.headers.get("if-none-match", ""):
        response = Response(status_code=304)
    else:
        response = answer(request.headers.get("accept", ""), value)
    response.headers["ETag"] = f'"{tag}"'
    response.headers["Vary"] = "Accept"
    kept = "private, max-age=31536000, immutable" if request.query_params.get("hash") == tag else "private, no-cache"
    response.headers["Cache-Control"] = kept
    return response
