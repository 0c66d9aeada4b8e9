"""HTTP over one connection: uvicorn's, with the peer told to the application, and a limit for what the client owes us.

uvicorn by itself limits only how long a connection may be idle: one octet ends that, and then it waits for ever.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from dnsguard.api.services import Caller
from dnsguard.controller.serving.crowd import Admission

HEAD_SECONDS = 10.0
"""From the first octet of a request, or of the connection, to the end of its headers."""

LOOK_SECONDS = 10.0
"""After so long it is looked again whether the client's certificate is good."""

REST_SECONDS = 5.0
"""For the rest of a body that nobody reads any more, because the request was answered before."""


class Conversation(H11Protocol):
    """Is the ``dnsguard.api.authentication.connection.Connection`` of its requests."""

    def __init__(
        self,
        config: Config,
        state: ServerState,
        app_state: dict[str, Any],
        peer: Caller | None,
        place: Admission | None,
    ) -> None:
        """``place``: None at a Unix socket."""
        super().__init__(config, state, {**app_state, "connection": self})
        self.peer = peer
        self.is_local = place is None
        self._place = place
        self._early: list[bytes] | None = []
        """What came before we knew the transport: TLS hands over a request that came with the end of its handshake."""
        self._is_lost = False
        self._debt: asyncio.TimerHandle | None = None
        self._looking: asyncio.TimerHandle | None = None

    def lasts_while(self, is_good: Callable[[], bool]) -> None:
        """End the connection, and what is followed over it, once its client's certificate would not be taken any more:
        who has another one connects again."""

        def look() -> None:
            if is_good():
                self._looking = self.loop.call_later(LOOK_SECONDS, look)
            else:
                self.transport.abort()

        self._looking = self.loop.call_later(LOOK_SECONDS, look)

    def known(self) -> None:
        """See ``Connection``."""
        if self._place is not None:
            self._place.known()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        if self._is_lost:
            return
        super().connection_made(transport)
        early, self._early = self._early or [], None
        self._owes(HEAD_SECONDS)
        for data in early:
            self.data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._settled()
        if self._looking is not None:
            self._looking.cancel()
        if self._place is not None:
            self._place.left()
        self._is_lost = True
        if self._early is None:
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._early is not None:
            self._early.append(data)
            return
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._look()

    def _look(self) -> None:
        """Whether the client owes us something now: the rest of a request's head, or of a body after its answer."""
        if self.transport.is_closing():
            self._settled()
        elif self.conn.their_state is h11.IDLE:
            if self.conn.trailing_data[0] or self.timeout_keep_alive_task is None:
                self._owes(HEAD_SECONDS)
            else:
                self._settled()
        elif self.conn.their_state is h11.SEND_BODY and self.conn.our_state is h11.DONE:
            self._owes(REST_SECONDS)
        else:
            self._settled()

    def _owes(self, seconds: float) -> None:
        if self._debt is None:
            self._debt = self.loop.call_later(seconds, self._too_late)

    def _settled(self) -> None:
        if self._debt is not None:
            self._debt.cancel()
            self._debt = None

    def _too_late(self) -> None:
        self._debt = None
        self.transport.abort()
