"""One end of the socket pair between a worker and the owner of the leases."""

import asyncio
import logging
from typing import ClassVar

from dnsguard.forwarder.sharing.messages import BadMessage, frame, take

log = logging.getLogger(__name__)


class Channel(asyncio.Protocol):
    """What is sent in one turn of the event loop goes out together; what comes is heard message by message."""

    peer: ClassVar[str]
    """Who is at the other end, for people."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._out: list[bytes] = []

    @property
    def is_open(self) -> bool:
        """Whether anybody is at the other end."""
        return self._transport is not None

    def send(self, kind: int, body: bytes) -> None:
        """Send a message at the end of this turn. Without effect where nobody is there."""
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(frame(kind, body))

    def hear(self, kind: int, body: bytes) -> None:
        """What each end does with a message. Raises BadMessage, which ends the connection."""
        raise NotImplementedError

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a stream socket has no other
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        try:
            for kind, body in take(self._buffer):
                self.hear(kind, body)
        except BadMessage as error:
            log.error("%s says what cannot be read: %s", self.peer, error)
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._transport = None

    def _flush(self) -> None:
        out, self._out = self._out, []
        if self._transport is not None:
            self._transport.write(b"".join(out))
