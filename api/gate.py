"""What every request passes before a route sees it: authentication, the limit of bodies; and what counts it."""

from dataclasses import replace
from math import ceil
from time import monotonic, perf_counter
from typing import cast

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dnsguard.api.answers import JSON, as_json
from dnsguard.api.auditing import READING, failed
from dnsguard.api.authentication.connection import Connection, address_of, connection_of, site_of
from dnsguard.api.authentication.origins import foreign_name, foreign_page
from dnsguard.api.failures import Failure, too_many
from dnsguard.api.rates import Buckets
from dnsguard.api.services import ANONYMOUS, AUTHENTICATED, Caller, Services, TokenExpired
from dnsguard.api.traffic import Traffic

OPEN_PATHS = frozenset({"/healthz", "/livez", "/readyz"})
"""Say that the process lives, or that the whole is ready, and nothing else."""

MAX_HEAD = 16 * 1024
"""Bytes of a request's line and headers."""

FAILURES = 1.0
"""Requests a second without a valid token of one address, and ``FAILURE_BURST`` at once. A valid one is always taken:
whoever shares an address with others could lock them out otherwise, and 256 random bits are not guessed."""

FAILURE_BURST = 20.0

VISITS = 20.0
"""The same of what is open to everybody: probes come once a second or so."""

VISIT_BURST = 100.0


def caller_of(scope: Scope) -> Caller:
    """Who sends the request that is served."""
    return cast("Caller", scope["state"]["caller"])


class Gate:
    """Wraps the application. Answers itself what does not get in."""

    def __init__(self, app: ASGIApp, services: Services, traffic: Traffic) -> None:
        self._app = app
        self._services = services
        self._traffic = traffic
        self._rates = Buckets(services.api_rate, 2 * services.api_rate)
        self._failures = Buckets(FAILURES, FAILURE_BURST)
        self._visits = Buckets(VISITS, VISIT_BURST)

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
        connection = connection_of(scope)
        state["caller"] = ANONYMOUS
        try:
            caller, complaint = self._authenticated(headers, connection)
        except Failure as failure:
            await refuse(failure, scope, answering)
            return
        state["caller"] = caller or ANONYMOUS
        refusal = self._refusal(scope, headers, caller, complaint)
        if refusal is not None:
            await refuse(refusal, scope, answering)
        else:
            if caller is not None:
                connection.known()
            await self._app(scope, self._limited(receive), answering)

    def _authenticated(self, headers: Headers, connection: Connection) -> tuple[Caller | None, str]:
        """Who sends it; if nobody knows, what to say of that. Who sends a token is its holder or nobody: a wrong one
        does not fall back to whom the connection proves."""
        every = headers.getlist("authorization")
        complaint = "say who you are: send the header 'Authorization: Bearer TOKEN'"
        if not every:
            caller = connection.peer
        elif len(every) > 1:  # a proxy in between may have judged another one than we would
            caller = None
        else:
            given = every[0]
            scheme, _, token = given.partition(" ")
            caller = None
            if given.strip():
                complaint = "the token is not known here"
            try:
                if scheme.lower() == "bearer" and token.strip():
                    caller = self._services.tokens(token.strip())
            except TokenExpired as error:
                complaint = str(error)
        return (None if caller is None else replace(caller, groups=(*caller.groups, AUTHENTICATED))), complaint

    def _refusal(self, scope: Scope, headers: Headers, caller: Caller | None, complaint: str) -> Failure | None:
        """Why a request does not get in; None where it does."""
        is_local = connection_of(scope).is_local
        if _head_size(scope) > MAX_HEAD:
            said = f"the request's line and headers are larger than {MAX_HEAD} bytes"
            return Failure(431, "RequestHeaderFieldsTooLarge", said)
        if caller is None:
            is_open = scope["path"] in OPEN_PATHS and scope["method"] in READING
            site = site_of(address_of(scope))
            if wait := (self._visits if is_open else self._failures).take(site, monotonic()):
                return _too_many(f"too many requests of {site or 'strangers'} without a valid token", wait)
            if not is_open:
                return _unauthorized(complaint)
        elif not is_local and (wait := self._rates.take(caller.name, monotonic())):
            return _too_many(f"{caller.name} sends more than {self._services.api_rate} requests a second", wait)
        if is_local and (refusal := foreign_name(headers)):
            return refusal
        if scope["method"] not in READING and (refusal := foreign_page(headers)):
            return refusal
        return self._too_large() if self._announces_too_much(headers) else None

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
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
)
"""Of every answer that does not say otherwise."""


def _head_size(scope: Scope) -> int:
    """Bytes of a request's line and headers, about."""
    size = len(scope["raw_path"]) + len(scope["query_string"])
    return size + sum(len(name) + len(value) + 4 for name, value in scope["headers"])


def _unauthorized(message: str) -> Failure:
    return Failure(401, "Unauthorized", message, headers={"WWW-Authenticate": 'Bearer realm="dnsguard"'})


def _too_many(message: str, wait: float) -> Failure:
    seconds = max(1, ceil(wait))
    return too_many(f"{message}: try again in {seconds} s", seconds)


async def refuse(failure: Failure, scope: Scope, send: Send) -> None:
    """Answer a request that no route sees."""
    status = failure.as_status()
    failed(scope, status)
    body = as_json(status)
    headers = {"content-type": JSON, "content-length": str(len(body)), **failure.headers}
    raw = [(name.lower().encode("ascii"), value.encode("ascii")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": failure.code, "headers": raw})
    await send({"type": "http.response.body", "body": body})
