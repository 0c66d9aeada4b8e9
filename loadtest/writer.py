"""Writes to the API at little cost: a generator must not take the processor from what it measures.

HTTP/1.1 over connections that stay open (RFC 9112), each with one request at a time.
"""

import asyncio
import json
import socket
from collections.abc import Mapping
from contextlib import suppress
from time import time_ns
from typing import Any, NamedTuple, Self

from loadtest.dns.product import API
from tests.support.netns import Namespace

CONNECTIONS = 16


class Refused(Exception):
    """The API did not take a change; the text has its words."""


class Written(NamedTuple):
    """On the clock of `time_ns`."""

    sent: int
    answered: int


class Writer:
    """Belongs to one event loop."""

    def __init__(self, token: str, connections: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]) -> None:
        """Use `connected`."""
        self._head = f"Host: {API}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"
        self._free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
        for each in connections:
            self._free.put_nowait(each)
        self._all = connections

    @classmethod
    async def connected(cls, place: Namespace, token: str, count: int = CONNECTIONS) -> Self:
        """To the API that listens there."""
        host, _, port = API.rpartition(":")
        with place.entered():
            sockets = [socket.create_connection((host, int(port))) for _ in range(count)]
        return cls(token, [await asyncio.open_connection(sock=each) for each in sockets])

    async def tell(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Written:
        """One change, as soon as a connection is free. Raises Refused."""
        content = json.dumps(body).encode() if body is not None else b""
        head = f"{method} {path} HTTP/1.1\r\n{self._head}Content-Length: {len(content)}\r\n\r\n"
        connection = await self._free.get()
        reader, writer = connection
        try:
            sent = time_ns()
            writer.write(head.encode() + content)
            said = await reader.readuntil(b"\r\n\r\n")
            answered = time_ns()
            answer = await reader.readexactly(_length(said))
        finally:
            self._free.put_nowait(connection)
        if said[9:10] != b"2":
            raise Refused(f"{method} {path}: {said[9:12].decode()} {answer.decode(errors='replace')[:500]}")
        return Written(sent, answered)

    async def close(self) -> None:
        for _, writer in self._all:
            writer.close()
            with suppress(OSError):  # the other end may have gone first
                await writer.wait_closed()


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise Refused(f"an answer without a length: {head!r}")
