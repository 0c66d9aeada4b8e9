"""Whatever is served asks who may: a user without roles gets nowhere but where everybody may."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tests.unit.api.conftest import V3, World
from tests.unit.api.tenants import user

FOR_ALL = re.compile(r"/(api|apis|version|livez|healthz|readyz|docs.*|openapi.*|api/v1|apis/[^/]+(/v[0-9]+)?)")
REVIEWS = re.compile(r"/apis/auth[a-z]+\.k8s\.io/v1/[a-z]+reviews")


def routes(router: Any) -> Iterator[Route]:
    """Of an application, those of the routers within included."""
    for each in router.routes:
        if isinstance(each, Route):
            yield each
        else:
            yield from routes(each.original_router)


async def test_every_route_asks(client: httpx.AsyncClient, world: World) -> None:
    nobody = await user(client, "nobody")
    asked = 0
    for route in routes(world.app()):
        path = re.sub(r"\{plural(:[^}]*)?\}", "networksets", route.path)
        path = path.replace("{namespace}", "shop").replace("{name}", "x")
        for method in (route.methods or set()) - {"HEAD"}:
            answer = await nobody(method, path)
            if FOR_ALL.fullmatch(path):
                assert answer.status_code != 403, path
            elif REVIEWS.fullmatch(path):
                assert answer.status_code in (400, 403, 422), path
            else:
                asked += 1
                # the wrong group for the kind that stands in for all: there is no such path
                assert answer.status_code in (403, 404, 405), (method, path, answer.text)
                assert answer.status_code == 403 or "projectcalico.org" not in path or "/namespaces/" not in path
    assert asked > 40


async def test_unknown_paths_say_nothing(client: httpx.AsyncClient) -> None:
    nobody = await user(client, "nobody")
    for path in ("/", "/nosuch", "/v1/nosuch", "/metrics/x", "/apiv1", "/versions", "/docsx", "/openapix", "/livez/x"):
        assert (await nobody("GET", path)).status_code == 403, path
        assert (await client.get(path)).status_code in (404, 200), path


async def test_a_request_without_a_host_is_served_at_the_socket(client: httpx.AsyncClient) -> None:
    """As HTTP/1.0 has it; the server's name then is the socket's path, and no part of the path that is asked for."""
    transport = client._transport
    assert isinstance(transport, httpx.ASGITransport)
    served = transport.app

    async def at_the_socket(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [each for each in scope["headers"] if each[0] != b"host"]
        await served({**scope, "headers": headers, "server": ("/run/api.sock", None)}, receive, send)

    local = httpx.ASGITransport(at_the_socket)
    async with httpx.AsyncClient(transport=local, base_url="http://localhost", headers=client.headers) as nameless:
        answer = await nameless.get(f"{V3}/tiers")
    assert (answer.status_code, answer.json()["kind"]) == (200, "TierList")
