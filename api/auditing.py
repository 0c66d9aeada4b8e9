"""What stands before everything else and writes down each change and each denied attempt before its answer leaves."""

from dataclasses import dataclass
from typing import Any, cast

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dnsguard.api.audit import AuditRecord, shown
from dnsguard.api.authentication.connection import address_of
from dnsguard.api.description.discovery import REVIEWS, root_of
from dnsguard.api.services import Caller, Services
from dnsguard.api.writing.objects import Target, Written, key_of

READING = frozenset({"GET", "HEAD", "OPTIONS"})

QUESTIONS = frozenset({"/v1/explain", *(f"{root_of(each.api_version)}/{each.plural}" for each in REVIEWS.values())})
"""Sent as POST, and change nothing."""

DENIED = frozenset({401, 403})

VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass(slots=True)
class AuditNote:
    """What is learned of a request on its way; one for each."""

    services: Services
    scope: Scope
    id: str
    verb: str = ""
    target: Target | None = None
    reason: str = ""
    message: str = ""
    written: Written | None = None
    """What the request changed."""

    dry_run: bool = False
    admitted: int = 0
    """Records that the log keeps room for."""

    def admit(self) -> None:
        """Call it before a change is made. Raises AuditUnavailable where its record could not be written."""
        self.services.audit.admit()
        self.admitted += 1

    async def changed(self, target: Target, written: Written) -> None:
        """Write down one change of a request that makes many. `admit` was called for it."""
        self.admitted -= 1
        await self.services.audit.record(self._record("delete", target, written, 200), admitted=1)

    async def answered(self, code: int) -> None:
        """Write down what became of the request."""
        method = self.scope["method"]
        verb = self.verb or VERBS.get(method, method.lower()[:20])
        admitted, self.admitted = self.admitted, 0
        await self.services.audit.record(self._record(verb, self.target, self.written, code), admitted=admitted)

    def _record(self, verb: str, target: Target | None, written: Written | None, code: int) -> AuditRecord:
        headers = Headers(scope=self.scope)
        caller: Caller | None = self.scope["state"].get("caller")
        other = caller if caller and caller.impersonator else None
        caller = other.impersonator if other else caller
        query = self.scope.get("query_string", b"").decode("latin-1")
        namespace, name = (target.namespace, target.name) if target else ("", "")
        if target and written:
            key = key_of(target, written.object)
            namespace, name = key.namespace, key.name
        after = None if written is None or verb == "delete" else written.object
        return AuditRecord(
            time=self.services.now().isoformat(timespec="microseconds"),
            id=self.id,
            user=caller.name if caller else "",
            groups=caller.groups if caller else (),
            acting_as=other.name if other else "",
            source=address_of(self.scope) or "unix",
            agent=headers.get("user-agent", "")[:200],
            uri=(self.scope["path"] + (f"?{query}" if query else ""))[:500],
            verb=verb,
            group=target.kind.group if target else "",
            resource=target.kind.plural if target else "",
            namespace=namespace,
            name=name,
            code=code,
            reason=self.reason,
            message=self.message[:1_000],
            before=shown(written.previous) if written else None,
            after=shown(after),
            revision=0 if written is None or self.dry_run else int(written.object["metadata"]["resourceVersion"]),
            dry_run=self.dry_run,
        )


def audit_note(scope: Scope) -> AuditNote:
    """The note of the request that is served."""
    return cast("AuditNote", scope["state"]["audit"])


class Auditing:
    """Wraps the gate: who is not let in is written down, too."""

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        note = AuditNote(self._services, scope, self._services.new_request_id())
        scope.setdefault("state", {})["audit"] = note
        changes = scope["method"] not in READING and scope["path"] not in QUESTIONS
        told = False

        async def answering(message: Message) -> None:
            nonlocal told
            if message["type"] == "http.response.start" and not told:
                told = True
                if changes or message["status"] in DENIED:
                    await note.answered(message["status"])  # an answer without its record must not be
                message["headers"] = [*message.get("headers", ()), (b"audit-id", note.id.encode("ascii"))]
            await send(message)

        try:
            await self._app(scope, receive, answering)
        except Exception as error:
            note.message = f"dnsguard made a mistake: {type(error).__name__}"
            raise
        finally:
            if changes and not told:
                await note.answered(500)


def failed(scope: Scope, status: dict[str, Any]) -> None:
    """Note why the request is refused; ``status``: the object that is answered."""
    note = audit_note(scope)
    note.reason, note.message = status["reason"], status["message"]
