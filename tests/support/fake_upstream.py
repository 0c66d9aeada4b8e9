"""A DNS server on loopback that does what a test tells it to: answer, lie, stay silent, or answer from elsewhere."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, Self

Script = Callable[["Asked"], Iterable[bytes]]
"""The packets that answer one question, in their order; none for silence."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One question as it arrived."""

    data: bytes
    transport: Literal["udp", "tcp", "tls"]
    peer: tuple[str, int]

    @property
    def ident(self) -> int:
        """The message ID."""
        return int.from_bytes(self.data[:2], "big")

    @property
    def question(self) -> bytes:
        """The question section, casing kept."""
        end = 12
        while self.data[end]:
            end += self.data[end] + 1
        return self.data[12 : end + 5]

    @property
    def name(self) -> bytes:
        """Lower-cased wire form."""
        return self.question[:-4].lower()


def silence(_: Asked) -> Iterable[bytes]:
    """Never answer."""
    return ()


class FakeUpstream:
    """UDP and TCP on one port, TLS instead of TCP where ``tls`` says how. Use ``async with``."""

    def __init__(
        self, script: Script = silence, address: str = "127.0.0.1", tls: ssl.SSLContext | None = None, port: int = 0
    ) -> None:
        self._wanted_port = port
        self.tls = tls
        self.resumed = 0
        """Connections over TLS that went on with an earlier session."""

        self.script = script
        self.address = address
        self.port = 0
        self.asked: list[Asked] = []
        """What somebody wanted to know."""

        self.probed: list[Asked] = []
        """What was only to find out how we are: the name servers of the root."""

        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._arrived = asyncio.Event()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        while self._tcp is None:
            self._udp, _ = await loop.create_datagram_endpoint(
                lambda: _Datagrams(self), local_addr=(self.address, self._wanted_port), family=family
            )
            self.port = self._udp.get_extra_info("sockname")[1]
            try:
                self._tcp = await asyncio.start_server(self._serve, self.address, self.port, ssl=self.tls)
            except OSError:  # free for UDP is not free for TCP: somebody's connection has the port
                self._udp.close()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._udp is not None
        assert self._tcp is not None
        self._udp.close()
        self._tcp.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0)

    def answer(self, asked: Asked) -> Iterable[bytes]:
        """Note the question and ask the script."""
        (self.probed if asked.name == b"\0" else self.asked).append(asked)
        self._arrived.set()
        return self.script(asked)

    async def wait_for_questions(self, count: int) -> None:
        """Return when at least ``count`` questions have come."""
        while len(self.asked) < count:
            self._arrived.clear()
            await self._arrived.wait()

    async def wait_for_probes(self, count: int) -> None:
        """Return when at least ``count`` probes have come."""
        while len(self.probed) < count:
            self._arrived.clear()
            await self._arrived.wait()

    def send(self, data: bytes, peer: tuple[str, int]) -> None:
        """Send a packet from the server's own address and port."""
        assert self._udp is not None
        self._udp.sendto(data, peer)

    def drop_connections(self) -> None:
        """Close every TCP connection without a word."""
        for writer in list(self._writers):
            writer.transport.abort()

    def close_connections(self) -> None:
        """Close every TCP connection in order, as an idle server does."""
        for writer in list(self._writers):
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        secured: ssl.SSLObject | None = writer.get_extra_info("ssl_object")
        self.resumed += secured is not None and bool(secured.session_reused)
        transport: Literal["tcp", "tls"] = "tcp" if secured is None else "tls"
        try:
            while True:
                length = int.from_bytes(await reader.readexactly(2), "big")
                data = await reader.readexactly(length)
                for packet in self.answer(Asked(data, transport, writer.get_extra_info("peername")[:2])):
                    writer.write(len(packet).to_bytes(2, "big") + packet)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: FakeUpstream) -> None:
        self._server = server

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        for packet in self._server.answer(Asked(data, "udp", (addr[0], addr[1]))):
            self._server.send(packet, addr[:2])


def send_from_elsewhere(data: bytes, peer: tuple[str, int], address: str = "127.0.0.1") -> None:
    """Send a packet that comes from a port (and, where ``address`` says so, an address) that was never asked."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((address, 0))
        sock.sendto(data, peer)
