"""The program that runs inside one namespace of the lab and does there what it is told over a pipe.

It is started by path and uses the standard library only. One JSON object a line comes in:
``{"id": 1, "do": "connect", …}``; one goes out for each, in whatever order they finish: ``{"id": 1, "result": …}`` or
``{"id": 1, "error": text}``. It ends when its standard input closes.

Servers tell who asked and who they are: ``{"you": "10.244.3.10#40001", "me": "198.51.100.7#443"}``; then they echo.
"""

import asyncio
import contextlib
import itertools
import json
import os
import random
import socket
import struct
import sys
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

IP_PKTINFO = 8
TCP_INFO_RETRANSMISSIONS = slice(100, 104)  # struct tcp_info, tcpi_total_retrans

OPEN_WAIT = 5.0
CLOSED_WAIT = 0.5
"""Seconds; the first is generous, for a lost packet shows in the count of retransmissions."""
RESULT_OF_ERROR = {
    "ConnectionRefusedError": "refused",
    "ConnectionResetError": "reset",
    "TimeoutError": "timeout",
}


def label(address: tuple[Any, ...]) -> str:
    return f"{address[0]}#{address[1]}"


def family_of(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def outcome_of(error: BaseException) -> str:
    """``timeout``, ``refused``, ``reset``, or the words of the system."""
    return RESULT_OF_ERROR.get(type(error).__name__, str(error))


class Agent:
    """What the namespace's inside can do. Every public coroutine is one thing to ask for."""

    def __init__(self) -> None:
        self.held: dict[str, tuple[asyncio.StreamReader, asyncio.StreamWriter]] = {}
        self.seen: deque[dict[str, str]] = deque(maxlen=100_000)
        self.listening: list[object] = []
        self.numbers = itertools.count()

    # Servers

    async def listen(self, transport: str, port: int, protocol_version: int | None = None) -> None:
        """Serve on all addresses of the namespace, IPv4 and IPv6."""
        for family, any_address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
            if protocol_version not in (None, 4 if family == socket.AF_INET else 6):
                continue
            kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
            sock = socket.socket(family, kind)
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if transport == "tcp":
                sock.bind((any_address, port))
                self.listening.append(await asyncio.start_server(self._serve_stream, sock=sock, backlog=4096))
            else:
                if family == socket.AF_INET:
                    sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
                else:
                    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
                sock.bind((any_address, port))
                asyncio.get_running_loop().add_reader(sock, self._serve_datagram, sock, port)
                self.listening.append(sock)

    async def _serve_stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer, own = writer.get_extra_info("peername"), writer.get_extra_info("sockname")
        self.seen.append({"transport": "tcp", "from": label(peer), "to": label(own), "payload": ""})
        with contextlib.suppress(ConnectionError, OSError):
            writer.write(json.dumps({"you": label(peer), "me": label(own)}).encode() + b"\n")
            while line := await reader.readline():
                writer.write(line)
                await writer.drain()
        writer.close()

    def _serve_datagram(self, sock: socket.socket, port: int) -> None:
        try:
            payload, ancillary, _, peer = sock.recvmsg(2048, 256)
        except OSError:
            return
        own, text = self._destination(ancillary), payload.decode(errors="replace")
        self.seen.append(
            {
                "transport": "udp",
                "from": label(peer),
                "to": f"{own}#{port}",
                "payload": payload.decode(errors="replace"),
            }
        )
        reply = {"you": label(peer), "me": f"{own}#{port}", "payload": text}
        # Sent with the same control message the address came in with: the reply leaves from the address asked.
        with contextlib.suppress(OSError):
            sock.sendmsg([json.dumps(reply).encode()], [self._reply_from(own)], 0, peer)

    @staticmethod
    def _destination(ancillary: list[tuple[int, int, bytes]]) -> str:
        for level, kind, data in ancillary:
            if (level, kind) == (socket.IPPROTO_IP, IP_PKTINFO):
                return socket.inet_ntop(socket.AF_INET, data[8:12])
            if (level, kind) == (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO):
                return socket.inet_ntop(socket.AF_INET6, data[:16])
        return ""

    @staticmethod
    def _reply_from(address: str) -> tuple[int, int, bytes]:
        if family_of(address) == socket.AF_INET:
            return socket.IPPROTO_IP, IP_PKTINFO, struct.pack("=I4s4s", 0, socket.inet_aton(address), bytes(4))
        packed = socket.inet_pton(socket.AF_INET6, address)
        return socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, struct.pack("=16sI", packed, 0)

    async def arrivals(self, transport: str, to: str, payload: str = "", sender: str = "") -> list[dict[str, str]]:
        """What the servers here have seen, for one transport and ``address#port``."""
        return [
            entry
            for entry in self.seen
            if (entry["transport"], entry["to"]) == (transport, to)
            and payload in entry["payload"]
            and entry["from"].startswith(sender)
        ]

    # Clients

    async def resolve(self, name: str, family: int = 0) -> dict[str, Any]:
        """Ask as any program does, through ``getaddrinfo``. ``family`` is 0, 4 or 6."""
        wanted = {0: socket.AF_UNSPEC, 4: socket.AF_INET, 6: socket.AF_INET6}[family]
        started = time.monotonic()
        try:
            found = await asyncio.get_running_loop().getaddrinfo(name, None, family=wanted, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            return {"addresses": [], "error": error.strerror, "seconds": time.monotonic() - started}
        addresses = list(dict.fromkeys(entry[4][0] for entry in found))
        return {"addresses": addresses, "error": "", "seconds": time.monotonic() - started}

    async def exchange(
        self, server: str, message: str, port: int = 53, transport: str = "udp", wait: float = 2.0
    ) -> dict[str, Any]:
        """Send DNS message bytes (hexadecimal) to a server; ``reply`` is hexadecimal, empty when none came."""
        query = bytes.fromhex(message)
        started = time.monotonic()
        try:
            async with asyncio.timeout(wait):
                if transport == "udp":
                    reply = await self._exchange_datagram(server, port, query)
                else:
                    reader, writer = await asyncio.open_connection(server, port)
                    try:
                        writer.write(struct.pack("!H", len(query)) + query)
                        (length,) = struct.unpack("!H", await reader.readexactly(2))
                        reply = await reader.readexactly(length)
                    finally:
                        writer.close()
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            return {"reply": "", "outcome": outcome_of(error), "seconds": time.monotonic() - started}
        return {"reply": reply.hex(), "outcome": "answered", "seconds": time.monotonic() - started}

    async def _exchange_datagram(self, server: str, port: int, query: bytes) -> bytes:
        loop = asyncio.get_running_loop()
        with socket.socket(family_of(server), socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            await loop.sock_connect(sock, (server, port))
            await loop.sock_sendall(sock, query)
            while True:
                reply = await loop.sock_recv(sock, 65535)
                if reply[:2] == query[:2]:
                    return reply

    async def connect(
        self, transport: str, address: str, port: int = 0, wait: float = 1.0, source: str = "", payload: str = ""
    ) -> dict[str, Any]:
        """Try it once: ``outcome`` is ``answered``, ``timeout``, ``refused`` …; ``reply`` is what the server said.

        A TCP connection that stands only because a packet was sent again is ``retransmitted``: one was lost.
        """
        with socket.socket(family_of(address), *self._kind(transport, address)) as sock:
            sock.setblocking(False)
            started = time.monotonic()
            try:
                async with asyncio.timeout(wait):
                    if source:
                        sock.bind((source, 0))
                    if transport == "icmp":
                        sock.connect((address, 0))
                    else:
                        await asyncio.get_running_loop().sock_connect(sock, (address, port))
                    reply = await self._greet(transport, sock, address, payload)
                    if transport == "tcp" and retransmissions(sock):
                        return {"outcome": "retransmitted", "reply": reply, "seconds": time.monotonic() - started}
            except (OSError, TimeoutError) as error:
                return {"outcome": outcome_of(error), "reply": {}, "seconds": time.monotonic() - started}
            return {"outcome": "answered", "reply": reply, "seconds": time.monotonic() - started}

    @staticmethod
    def _kind(transport: str, address: str) -> tuple[int, int]:
        if transport == "icmp":
            protocol = socket.IPPROTO_ICMPV6 if ":" in address else socket.IPPROTO_ICMP
            return socket.SOCK_RAW, protocol
        return (socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM), 0

    async def _greet(self, transport: str, sock: socket.socket, address: str, payload: str) -> dict[str, str]:
        if transport == "tcp":
            return await self._read_greeting(sock)
        if transport == "udp":
            return await self._ask(sock, payload or f"{os.getpid()}-{next(self.numbers)}")
        return await self._ping(sock, address, payload)

    async def _read_greeting(self, sock: socket.socket) -> dict[str, str]:
        loop = asyncio.get_running_loop()
        line = b""
        while not line.endswith(b"\n"):
            part = await loop.sock_recv(sock, 4096)
            if not part:
                raise ConnectionResetError
            line += part
        return dict(json.loads(line))

    async def _ask(self, sock: socket.socket, payload: str) -> dict[str, str]:
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(sock, payload.encode())
        return dict(json.loads(await loop.sock_recv(sock, 4096)))

    async def _ping(self, sock: socket.socket, address: str, payload: str) -> dict[str, str]:
        """RFC 792 and RFC 4443 echo; the kernel fills in the checksum of ICMPv6 only."""
        loop = asyncio.get_running_loop()
        version6 = sock.family == socket.AF_INET6
        request, answer = (128, 129) if version6 else (8, 0)
        identifier, number = random.getrandbits(16), next(self.numbers) & 0xFFFF
        body = struct.pack("!HH", identifier, number) + payload.encode()
        packet = struct.pack("!BBH", request, 0, 0) + body
        if not version6:
            packet = struct.pack("!BBH", request, 0, checksum(packet)) + body
        await loop.sock_sendall(sock, packet)
        while True:
            received = await loop.sock_recv(sock, 4096)
            message = received if version6 else received[(received[0] & 0xF) * 4 :]
            if message[0] == answer and message[4:8] == body[:4]:
                return {"me": address}

    # Connections that stay open

    async def hold(self, name: str, address: str, port: int, wait: float = 1.0) -> dict[str, Any]:
        """Open a TCP connection and keep it under a name."""
        try:
            async with asyncio.timeout(wait):
                reader, writer = await asyncio.open_connection(address, port)
                greeting = json.loads(await reader.readline())
        except (OSError, TimeoutError) as error:
            return {"outcome": outcome_of(error), "reply": {}}
        self.held[name] = (reader, writer)
        return {"outcome": "answered", "reply": greeting}

    async def use(self, name: str, wait: float = 1.0) -> str:
        """Send a line over a held connection: ``answered``, or what went wrong."""
        reader, writer = self.held[name]
        line = f"{next(self.numbers)}\n".encode()
        try:
            async with asyncio.timeout(wait):
                writer.write(line)
                await writer.drain()
                return "answered" if await reader.readline() == line else "reset"
        except (OSError, TimeoutError) as error:
            return outcome_of(error)

    async def release(self, name: str) -> None:
        """Close a held connection."""
        self.held.pop(name)[1].close()

    # Load

    async def storm(
        self, names: list[str], port: int, concurrency: int = 16, connect_wait: float = 5.0
    ) -> dict[str, Any]:
        """Look up each name and connect at once to the address it led to.

        A connection counts as lost when its packets had to be sent again, or when it took longer than
        ``connect_wait``, which only a machine that is busy with other things comes near.
        """
        pending = iter(names)
        failed: list[dict[str, str]] = []
        worst = 0.0

        async def work() -> None:
            nonlocal worst
            for name in pending:
                found = await self.resolve(name, family=4)
                worst = max(worst, found["seconds"])
                if not found["addresses"]:
                    failed.append({"name": name, "step": "look-up", "outcome": found["error"]})
                    continue
                tried = await self.connect("tcp", found["addresses"][0], port, connect_wait)
                if tried["outcome"] != "answered":
                    failed.append({"name": name, "step": "connection", "outcome": tried["outcome"]})

        started = time.monotonic()
        await asyncio.gather(*(work() for _ in range(concurrency)))
        seconds = time.monotonic() - started
        return {"done": len(names), "failed": failed, "seconds": seconds, "slowest_lookup": worst}

    async def steady(
        self,
        names: list[str],
        port: int,
        allowed: str,
        denied: str,
        rounds: int,
        interval: float,
    ) -> list[dict[str, Any]]:
        """Start a round every ``interval`` seconds: look up the next name and connect to it, and at the same time try
        an address that is open already and one that is closed. What happened, in order; ``at`` is in seconds."""
        started = time.monotonic()
        running = []
        for number in range(rounds):
            name = names[number % len(names)]
            running.append(asyncio.create_task(self._round(name, port, allowed, denied)))
            await asyncio.sleep(max(0.0, started + (number + 1) * interval - time.monotonic()))
        return list(await asyncio.gather(*running))

    async def _round(self, name: str, port: int, allowed: str, denied: str) -> dict[str, Any]:
        at = time.monotonic()
        known = [
            asyncio.create_task(self.connect("tcp", address, port, wait))
            for address, wait in ((allowed, OPEN_WAIT), (denied, CLOSED_WAIT))
        ]
        found = await self.resolve(name, family=4)
        tried = {"outcome": "not tried"}
        if found["addresses"]:
            tried = await self.connect("tcp", found["addresses"][0], port, OPEN_WAIT)
        open_already, closed = [(await task)["outcome"] for task in known]
        return {
            "at": at,
            "lookup": found["error"] or "answered",
            "lookup_seconds": found["seconds"],
            "connection": tried["outcome"],
            "allowed": open_already,
            "denied": closed,
        }


def retransmissions(sock: socket.socket) -> int:
    """How many packets of the connection were sent more than once."""
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_RETRANSMISSIONS.stop)
    return int.from_bytes(info[TCP_INFO_RETRANSMISSIONS], sys.byteorder)


def checksum(data: bytes) -> int:
    """RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


async def serve(agent: Agent, lines: asyncio.StreamReader, answer: Callable[[dict[str, Any]], None]) -> None:
    async def perform(request: dict[str, Any]) -> None:
        number, action = request.pop("id"), request.pop("do")
        try:
            answer({"id": number, "result": await getattr(agent, action)(**request)})
        except Exception as error:
            answer({"id": number, "error": f"{type(error).__name__}: {error}"})

    running: set[asyncio.Task[None]] = set()
    while line := await lines.readline():
        task = asyncio.create_task(perform(json.loads(line)))
        running.add(task)
        task.add_done_callback(running.discard)


async def main() -> None:
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(32))
    lines = asyncio.StreamReader(limit=2**24)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)

    def answer(reply: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(reply) + "\n")
        sys.stdout.flush()

    await serve(Agent(), lines, answer)
    os._exit(0)  # whoever held the pipe is gone: nothing here is worth waiting for


if __name__ == "__main__":
    asyncio.run(main())
