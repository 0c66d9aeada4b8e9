"""Answers that go on, as watches do, end with the right to them: when a token is revoked or ends, a role taken away.

Whoever sends such an answer listens for the client to go away. It is told so here.
"""

import asyncio
from collections.abc import Callable
from typing import cast

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dnsguard.access.grants import MASTERS
from dnsguard.api.authorization.access import Access
from dnsguard.api.failures import Failure
from dnsguard.api.gate import caller_of
from dnsguard.api.services import Caller

LOOK_SECONDS = 30.0
"""After so long it is looked again whether a token has ended: the clock may have been set meanwhile."""

Standing = Callable[[], bool]
"""Whether a request that was let in would be let in now."""


def held_while(scope: Scope, standing: Standing) -> None:
    """Let the answer of the request go on for as long as this is true. May raise Failure for "not now"."""
    scope["state"]["standing"] = standing


class Sessions:
    """Wraps the application, behind the gate."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _is_local_master(caller_of(scope)):
            await self._app(scope, receive, send)
            return
        body_read = over = began = ended = False

        async def receiving() -> Message:
            nonlocal body_read, over
            if not body_read:
                message = await receive()
                body_read = not message.get("more_body", False)
                return message
            gone = await self._gone_or_over(scope, receive)
            over = gone is None
            return gone or {"type": "http.disconnect"}

        async def sending(message: Message) -> None:
            nonlocal began, ended
            began = began or message["type"] == "http.response.start"
            ended = ended or (message["type"] == "http.response.body" and not message.get("more_body", False))
            await send(message)

        await self._app(scope, receiving, sending)
        if over and began and not ended:
            await send({"type": "http.response.body", "body": b""})

    async def _gone_or_over(self, scope: Scope, receive: Receive) -> Message | None:
        """What the client's connection says next; None once the request would not be let in any more."""
        caller = caller_of(scope)
        coming = asyncio.ensure_future(receive())
        try:
            while self._stands(scope):
                moved = asyncio.create_task(self._access.moved(), name="access moved")
                left = self._access.seconds_left(caller)
                try:
                    await asyncio.wait(
                        {coming, moved},
                        timeout=None if left == float("inf") else min(left, LOOK_SECONDS),
                        return_when=asyncio.FIRST_COMPLETED,
                    )
                finally:
                    moved.cancel()
                if coming.done():
                    return coming.result()
            return None
        finally:
            coming.cancel()

    @staticmethod
    def _stands(scope: Scope) -> bool:
        standing = cast("Standing | None", scope["state"].get("standing"))
        try:
            return standing is None or standing()
        except Failure:
            return False


def _is_local_master(caller: Caller) -> bool:
    """Whom no role or token of the store can be taken from."""
    return MASTERS in caller.groups and not caller.token and caller.impersonator is None
