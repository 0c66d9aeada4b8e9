"""`kubectl --as`: somebody acts as another one, who has the right to (verb ``impersonate`` on users and groups)."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from dnsguard.access.grants import MASTERS
from dnsguard.api.authorization.access import Access, acting_as
from dnsguard.api.authorization.refusals import forbidden, forbidden_because
from dnsguard.api.failures import Failure, bad_request
from dnsguard.api.gate import caller_of, refuse
from dnsguard.api.services import AUTHENTICATED, Caller
from dnsguard.resources.accesstoken import RESERVED

_PREFIX = "impersonate-"
_USER, _GROUP = f"{_PREFIX}user", f"{_PREFIX}group"


class Impersonation:
    """Wraps the application, behind the gate: what comes after it sees the other one, the audit log both."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and any(name.startswith(_PREFIX.encode()) for name, _ in scope["headers"]):
            try:
                scope["state"]["caller"] = self._other(caller_of(scope), Headers(scope=scope))
            except Failure as failure:
                await refuse(failure, scope, send)
                return
        await self._app(scope, receive, send)

    def _other(self, caller: Caller, headers: Headers) -> Caller:
        if unknown := {name for name in headers if name.startswith(_PREFIX)} - {_USER, _GROUP}:
            raise bad_request(f"{min(unknown)[:100]}: users have names and groups here, and nothing else")
        user, groups = headers.get(_USER, ""), tuple(headers.getlist(_GROUP))
        if not user:
            raise bad_request("Impersonate-User is missing: there is nobody to act as")
        rights = self._access.rights(caller)
        for ask in acting_as(user, groups):
            if not rights.allow(ask):
                raise forbidden(caller, ask)
            if ask.name.startswith(RESERVED) and ask.name != AUTHENTICATED and MASTERS not in caller.groups:
                raise forbidden_because(ask, f"who is called {RESERVED}… is for {MASTERS} alone to act as")
        others = tuple(dict.fromkeys((*groups, AUTHENTICATED)))
        return Caller(user, others, impersonator=caller)
