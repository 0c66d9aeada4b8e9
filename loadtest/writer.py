"""Writes to the API at little cost: a generator must not take the processor from what it measures.

HTTP/1.1 over connections that stay open (RFC 9112), each with one request at a time.
"""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from time import time_ns
from typing import Any, NamedTuple

CONNECTIONS = 16


class Refused(Exception):
    """The API did not take a change; the text has its words."""


class Written(NamedTuple):
    """On the clock of `time_ns`."""

    sent: int
    answered: int


_Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Writer:
    """Belongs to one event loop."""

    def __init__(self, where: Path, count: int = CONNECTIONS) -> None:
        """To the API behind that Unix socket."""
        self._where = where
        self._head = "Host: localhost\r\nContent-Type: application/json\r\n"
        self._free: asyncio.LifoQueue[_Connection | None] = asyncio.LifoQueue()
        for _ in range(count):
            self._free.put_nowait(None)

    async def tell(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Written:
        """One change, as soon as a connection is free. Raises Refused."""
        content = json.dumps(body).encode() if body is not None else b""
        head = f"{method} {path} HTTP/1.1\r\n{self._head}Content-Length: {len(content)}\r\n\r\n"
        connection = await self._free.get()
        is_fresh = False
        try:
            while True:
                if connection is None or connection[0].at_eof():
                    connection, is_fresh = await self._another(connection), True
                reader, writer = connection
                try:
                    sent = time_ns()
                    writer.write(head.encode() + content)
                    said = await reader.readuntil(b"\r\n\r\n")
                    answered = time_ns()
                    answer = await reader.readexactly(_length(said))
                    break
                except (OSError, asyncio.IncompleteReadError):
                    # The API closes what nobody has used for a while; it may just have done so.
                    if is_fresh:
                        raise
                    connection, is_fresh = await self._another(connection), True
        except (OSError, asyncio.IncompleteReadError) as error:
            raise Refused(f"{method} {path}: {error}") from None
        finally:
            self._free.put_nowait(connection)
        if said[9:10] != b"2":
            raise Refused(f"{method} {path}: {said[9:12].decode()} {answer.decode(errors='replace')[:500]}")
        return Written(sent, answered)

    async def close(self) -> None:
        while not self._free.empty():
            if (connection := self._free.get_nowait()) is not None:
                await _closed(connection)

    async def _another(self, old: _Connection | None) -> _Connection:
        if old is not None:
            await _closed(old)
        return await asyncio.open_unix_connection(self._where)


async def _closed(connection: _Connection) -> None:
    connection[1].close()
    with suppress(OSError):  # the other end may have gone first
        await connection[1].wait_closed()


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise Refused(f"an answer without a length: {head!r}")
