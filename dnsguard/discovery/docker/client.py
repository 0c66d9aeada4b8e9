"""Docker's API over its Unix socket: HTTP/1.1 by h11, a connection for each request. Read only.

Paths bear no version: the engine then speaks its newest, and what is read of it is there in all of them.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

import h11

from dnsguard.discovery.docker.errors import ContainerGone, DockerUnavailable

DEADLINE: Final = 10.0
"""Seconds for a whole answer: an engine under load takes one or two."""

LONGEST: Final = 64 * 1024 * 1024
"""Bytes of an answer: ten thousand containers with six kilobytes each."""

_CHUNK: Final = 1 << 16
_EVENTS: Final = {
    "type": ["container", "network"],
    "event": ["start", "die", "destroy", "rename", "connect", "disconnect"],
}
"""Those that change who has which address. Checks of health, which run all the time, are not among them."""


class DockerClient:
    """All methods raise DockerUnavailable."""

    def __init__(self, socket: Path, deadline: float = DEADLINE, longest: int = LONGEST) -> None:
        self._socket = socket
        self._deadline = deadline
        self._longest = longest

    async def containers(self) -> bytes:
        """The list of those that run."""
        return await self._get("/containers/json")

    async def networks(self) -> bytes:
        """The list of all."""
        return await self._get("/networks")

    async def container(self, identity: str) -> bytes:
        """All about one. Raises ContainerGone."""
        return await self._get(f"/containers/{identity}/json", gone=True)

    async def events(self) -> AsyncGenerator[int, None]:
        """First 0 once what happens from now on will be told, then how many lines came, whenever some do. Ends when
        Docker ends it."""
        path = f"/events?filters={quote(json.dumps(_EVENTS))}"
        async with self._asked(path) as exchange:
            async with self._limited(path):
                await exchange.head()
            yield 0
            while True:
                try:
                    data = await exchange.data()
                except (OSError, h11.RemoteProtocolError) as error:
                    raise DockerUnavailable(f"{self._socket} {path}: {error}") from None
                if data is None:
                    return
                yield data.count(b"\n")

    async def _get(self, path: str, gone: bool = False) -> bytes:
        async with self._limited(path), self._asked(path) as exchange:
            await exchange.head(gone)
            body = bytearray()
            while (data := await exchange.data()) is not None:
                body += data
                if len(body) > self._longest:
                    raise DockerUnavailable(f"{self._socket} {path}: the answer is longer than {self._longest} bytes")
            return bytes(body)

    @asynccontextmanager
    async def _limited(self, path: str) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._deadline):
                yield
        except TimeoutError:
            raise DockerUnavailable(f"{self._socket} {path}: no answer within {self._deadline:g} s") from None
        except h11.RemoteProtocolError as error:
            raise DockerUnavailable(f"{self._socket} {path}: what comes is no HTTP, or torn: {error}") from None
        except OSError as error:
            raise DockerUnavailable(f"{self._socket}: {error.strerror or error}") from None

    @asynccontextmanager
    async def _asked(self, path: str) -> AsyncIterator["_Exchange"]:
        try:
            reader, writer = await asyncio.open_unix_connection(str(self._socket))
        except OSError as error:
            raise DockerUnavailable(f"{self._socket}: {error.strerror or error}") from None
        try:
            exchange = _Exchange(path, reader)
            writer.write(exchange.request)
            yield exchange
        finally:
            writer.transport.abort()


class _Exchange:
    """One request and its answer."""

    def __init__(self, path: str, reader: asyncio.StreamReader) -> None:
        self._path = path
        self._reader = reader
        self._http = h11.Connection(h11.CLIENT)
        asked = h11.Request(method="GET", target=path, headers=[("Host", "docker"), ("Connection", "close")])
        self.request = (self._http.send(asked) or b"") + (self._http.send(h11.EndOfMessage()) or b"")

    async def head(self, gone: bool = False) -> None:
        """``gone``: that there is no such thing means no more than that. Raises ContainerGone, DockerUnavailable where
        Docker refuses, and what `data` raises."""
        event = await self._next()
        while not isinstance(event, h11.Response):
            event = await self._next()
        if gone and event.status_code == 404:
            raise ContainerGone(self._path)
        if event.status_code != 200:
            raise DockerUnavailable(f"Docker answers {self._path} with {event.status_code}")

    async def data(self) -> bytes | None:
        """The next piece; None at the end. Raises OSError, h11.RemoteProtocolError."""
        while True:
            event = await self._next()
            if isinstance(event, h11.Data):
                return bytes(event.data)
            if isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
                return None

    async def _next(self) -> object:
        """The next event of h11."""
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(await self._reader.read(_CHUNK))
        return event
