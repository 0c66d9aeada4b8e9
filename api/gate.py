"""What every request passes before a route sees it: authentication, the limit of bodies, the audit of changes; and what
counts it."""

from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import cast

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.answers import JSON, as_json
from api.audit import AuditRecord
from api.failures import Failure
from api.services import ANONYMOUS, AUTHENTICATED, Caller, Services
from api.traffic import Traffic

OPEN_PATHS = frozenset({"/healthz", "/livez", "/readyz"})
"""Say that the process lives, or that the whole is ready, and nothing else."""

READING = frozenset({"GET", "HEAD", "OPTIONS"})

QUESTIONS = frozenset({"/v1/explain"})
"""Sent as POST, and change nothing."""

VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass(slots=True)
class AuditNote:
    """What a route learns of the change that it makes, for the audit."""

    verb: str = ""
    resource: str = ""
    message: str = ""
    before: str = ""
    after: str = ""
    dry_run: bool = False
    parts: list["AuditNote"] = field(default_factory=list)
    """The single changes of a request that makes many."""


def audit_note(scope: Scope) -> AuditNote:
    """The note of the request that is served."""
    return cast("AuditNote", scope["state"]["audit"])


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
        note = AuditNote()
        state = scope.setdefault("state", {})
        state["audit"] = note
        caller: Caller | None = None
        audited = scope["method"] in READING or scope["path"] in QUESTIONS

        def audit(code: int) -> None:
            nonlocal audited
            if not audited:
                audited = True
                for part in note.parts:
                    self._audit(scope, caller, part, 200)
                self._audit(scope, caller, note, code)

        async def answering(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._traffic.answered(scope["method"], message["status"], perf_counter() - began)
                audit(message["status"])  # before the caller can know: an answer without its record must not be
                message["headers"] = [*message.get("headers", ()), *_ALWAYS]
            await send(message)

        headers = Headers(scope=scope)
        try:
            caller = self._caller(headers)
            state["caller"] = caller or ANONYMOUS
            if caller is None and scope["path"] not in OPEN_PATHS:
                await _refuse(_unauthorized(headers), note, answering)
            elif self._announces_too_much(headers):
                await _refuse(self._too_large(), note, answering)
            else:
                await self._app(scope, self._limited(receive), answering)
        except Exception as error:
            note.message = f"dnsguard made a mistake: {type(error).__name__}"
            raise
        finally:
            audit(500)

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

    def _audit(self, scope: Scope, caller: Caller | None, note: AuditNote, code: int) -> None:
        client = scope.get("client")
        self._services.audit(
            AuditRecord(
                time=self._services.now().isoformat(timespec="microseconds"),
                caller=caller.name if caller else "",
                address=client[0] if client else "",
                verb=note.verb or VERBS.get(scope["method"], scope["method"].lower()[:20]),
                resource=note.resource or scope["path"][:300],
                status=code,
                message=note.message[:1_000],
                before=note.before,
                after=note.after,
                dry_run=note.dry_run,
            )
        )


_ALWAYS = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)


def _unauthorized(headers: Headers) -> Failure:
    missing = not headers.get("authorization")
    message = "no token: send the header 'Authorization: Bearer TOKEN'" if missing else "the token is not known here"
    return Failure(401, "Unauthorized", message, headers={"WWW-Authenticate": 'Bearer realm="dnsguard"'})


async def _refuse(failure: Failure, note: AuditNote, send: Send) -> None:
    note.message = failure.message
    body = as_json(failure.as_status())
    headers = {"content-type": JSON, "content-length": str(len(body)), **failure.headers}
    raw = [(name.lower().encode("ascii"), value.encode("ascii")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": failure.code, "headers": raw})
    await send({"type": "http.response.body", "body": body})
