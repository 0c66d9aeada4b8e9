"""One route for all methods of a path."""

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from dnsguard.api.methods import MethodsRoute


async def get(request: Request) -> Response:
    return PlainTextResponse(f"got {request.path_params['name']}")


async def put(_: Request) -> Response:
    return PlainTextResponse("put")


async def test_each_method_has_its_function_and_no_other_is_taken() -> None:
    transport = httpx.ASGITransport(Starlette(routes=[MethodsRoute("/a/{name}", {"GET": get, "PUT": put})]))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        assert (await client.get("/a/b")).text == "got b"
        assert (await client.put("/a/b")).text == "put"
        for method in ("HEAD", "POST", "DELETE", "BREW"):
            assert (await client.request(method, "/a/b")).status_code == 405
