"""Where a connection begins: whether there is room for it, and with TLS or without."""

import asyncio
import socket
import ssl
from asyncio import sslproto
from collections.abc import Callable
from time import monotonic
from typing import Any

from uvicorn.config import Config
from uvicorn.server import ServerState

from dnsguard.api.services import Caller
from dnsguard.controller.serving.conversation import Conversation
from dnsguard.controller.serving.crowd import Admission, Crowd
from dnsguard.controller.serving.peers import certified_peer, local_peer
from dnsguard.controller.serving.vouching import Vouching

# What asyncio reads of a connection over TLS at once. It keeps a buffer of that size for each, 256 KB by itself: a
# thousand watches, of which nothing is read, took 250 MB. A record is no larger than this (RFC 8446 § 5.1).
sslproto.SSLProtocol.max_size = 16 * 1024

HANDSHAKE_SECONDS = 5.0
GOODBYE_SECONDS = 2.0
"""How long we wait for a client's part of the end of TLS."""


class Door(asyncio.Protocol):
    """The protocol of a connection until it is a `Conversation`. It counts before TLS begins: a handshake costs us more
    than it costs the client."""

    def __init__(
        self,
        contexts: Callable[[], ssl.SSLContext] | None,
        crowd: Crowd,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """``contexts``: None where TCP is served without TLS. What follows ``crowd`` uvicorn gives by these names."""
        self._contexts = contexts
        self._crowd = crowd
        self._config = config
        self._state = server_state
        self._app_state = app_state
        self._place: Admission | None = None
        self._shaking: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for TCP and Unix sockets it is
        connection: socket.socket = transport.get_extra_info("socket")
        if connection.family == socket.AF_UNIX:
            self._begin(transport, self._conversation(local_peer(connection), None))
            return
        try:
            address = str(connection.getpeername()[0])
        except OSError:  # it is gone already
            transport.abort()
            return
        self._place = place = self._crowd.admit(address, monotonic(), transport.abort)
        if place is None:
            transport.abort()
        elif self._contexts is None:
            self._begin(transport, self._conversation(None, place))
        else:
            transport.pause_reading()
            shaking = self._shake_hands(transport, place, self._contexts)
            self._shaking = asyncio.get_running_loop().create_task(shaking, name="API handshake")
            self._state.tasks.add(self._shaking)
            self._shaking.add_done_callback(self._state.tasks.discard)

    async def _shake_hands(
        self, transport: asyncio.Transport, place: Admission, contexts: Callable[[], ssl.SSLContext]
    ) -> None:
        context = contexts()
        conversation = self._conversation(None, place)
        try:
            secured = await asyncio.get_running_loop().start_tls(
                transport,
                conversation,
                context,
                server_side=True,
                ssl_handshake_timeout=HANDSHAKE_SECONDS,
                ssl_shutdown_timeout=GOODBYE_SECONDS,
            )
        except (OSError, asyncio.CancelledError):
            secured = None
        if secured is None:
            transport.abort()
            place.left()
            return
        certificate = secured.get_extra_info("peercert")
        conversation.peer = certified_peer(certificate)
        if certificate:
            conversation.lasts_while(Vouching(certificate, contexts, context))
        conversation.connection_made(secured)

    def _conversation(self, peer: Caller | None, place: Admission | None) -> Conversation:
        return Conversation(self._config, self._state, self._app_state, peer, place)

    def _begin(self, transport: asyncio.Transport, conversation: Conversation) -> None:
        transport.set_protocol(conversation)
        conversation.connection_made(transport)

    def connection_lost(self, _: Exception | None) -> None:
        """Before there was a conversation."""
        if self._place is not None:
            self._place.left()
