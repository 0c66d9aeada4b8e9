"""What every request passes before a route sees it: authentication, the limit of bodies; and what counts it."""

from dataclasses import replace
from time import perf_counter
from typing import cast

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.answers import JSON, as_json
from api.auditing import failed
from api.failures import Failure
from api.services import ANONYMOUS, AUTHENTICATED, Caller, Services
from api.traffic import Traffic

OPEN_PATHS = frozenset({"/healthz", "/livez", "/readyz"})
"""Say that the process lives, or that the whole is ready, and nothing else."""


def caller_of(scope: Scope) -> Caller:
    """Who sends the request that is served."""
    return cast("Caller", scope["state"]["caller"])


class Gate:
    """Wraps the application. Answers itself what does not get in."""

    def __init__(self, app: ASGIApp, services: Services, traffic: Traffic) -> None:
        self._app = app
        self._services = services
        self._traffic = traffic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            elif scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            return
        began = perf_counter()
        state = scope.setdefault("state", {})

        async def answering(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._traffic.answered(scope["method"], message["status"], perf_counter() - began)
                given = list(message.get("headers", ()))
                named = {name.lower() for name, _ in given}
                message["headers"] = [*given, *(each for each in _ALWAYS if each[0] not in named)]
            await send(message)

        headers = Headers(scope=scope)
        state["caller"] = ANONYMOUS
        try:
            caller = self._caller(headers)
        except Failure as failure:
            await refuse(failure, scope, answering)
            return
        state["caller"] = caller or ANONYMOUS
        if caller is None and scope["path"] not in OPEN_PATHS:
            await refuse(_unauthorized(headers), scope, answering)
        elif self._announces_too_much(headers):
            await refuse(self._too_large(), scope, answering)
        else:
            await self._app(scope, self._limited(receive), answering)

    def _caller(self, headers: Headers) -> Caller | None:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        caller = self._services.tokens(token.strip()) if scheme.lower() == "bearer" and token.strip() else None
        return caller and replace(caller, groups=(*caller.groups, AUTHENTICATED))

    def _announces_too_much(self, headers: Headers) -> bool:
        length = headers.get("content-length", "0")
        return length.isascii() and length.isdigit() and (len(length) > 18 or int(length) > self._services.max_body)

    def _too_large(self) -> Failure:
        limit = self._services.max_body
        return Failure(413, "RequestEntityTooLarge", f"the body is larger than {limit} bytes: split it")

    def _limited(self, receive: Receive) -> Receive:
        """Stops reading as soon as the limit passes, whatever length was announced."""
        received = 0

        async def limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._services.max_body:
                raise self._too_large()
            return message

        return limited


_ALWAYS = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)
"""Of every answer that does not say otherwise."""


def _unauthorized(headers: Headers) -> Failure:
    missing = not headers.get("authorization")
    message = "no token: send the header 'Authorization: Bearer TOKEN'" if missing else "the token is not known here"
    return Failure(401, "Unauthorized", message, headers={"WWW-Authenticate": 'Bearer realm="dnsguard"'})


async def refuse(failure: Failure, scope: Scope, send: Send) -> None:
    """Answer a request that no route sees."""
    status = failure.as_status()
    failed(scope, status)
    body = as_json(status)
    headers = {"content-type": JSON, "content-length": str(len(body)), **failure.headers}
    raw = [(name.lower().encode("ascii"), value.encode("ascii")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": failure.code, "headers": raw})
    await send({"type": "http.response.body", "body": body})
