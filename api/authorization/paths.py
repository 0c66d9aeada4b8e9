"""Rights on paths that are no kinds: `/v1/…`, `/metrics`, and whatever else there is or is not."""

import re

from starlette.types import ASGIApp, Receive, Scope, Send

from dnsguard.access.ask import Ask
from dnsguard.api.authorization.access import Access
from dnsguard.api.authorization.refusals import forbidden
from dnsguard.api.authorization.sessions import held_while
from dnsguard.api.failures import Failure
from dnsguard.api.gate import OPEN_PATHS, caller_of, refuse
from dnsguard.api.services import Caller

_FOR_ALL = re.compile(r"/(?:apis?|version|openapi|docs)(?:[/.].*)?")
"""What everybody may read who is authenticated: which kinds there are and what they look like. Routes of kinds below
these paths judge for themselves."""


class Paths:
    """Wraps the application, behind the gate: a path that nobody thought of is refused."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] == "http" and path not in OPEN_PATHS and not _FOR_ALL.fullmatch(path):
            caller = caller_of(scope)
            ask = Ask({"HEAD": "get"}.get(scope["method"], scope["method"].lower()), path=path)
            try:
                self._judge(caller, ask)
            except Failure as failure:
                await refuse(failure, scope, send)
                return
            held_while(scope, lambda: self._access.is_good(caller) and self._access.rights(caller).allow(ask))
        await self._app(scope, receive, send)

    def _judge(self, caller: Caller, ask: Ask) -> None:
        if not self._access.rights(caller).allow(ask):
            raise forbidden(caller, ask)
