"""Packets as witnesses: from the moment in which policy lets one pass, its like arrive; before it, none does.

For everything that is waited for a packet goes out each millisecond. When it arrived is stamped by the kernel of the
other end, so that a witness who is busy elsewhere errs by no more than that millisecond.
"""

import asyncio
import json
import socket
import struct
from ipaddress import IPv4Address

from loadtest.dns.site import UPSTREAM, Site
from loadtest.flood import PORT, datagram

TARGETS = "203.0.113.0/24"
SOURCES = "10.64.0.0/14"
FIRST_TARGET = IPv4Address("203.0.113.0")
EVERY = 0.001
"""Seconds between two packets of one kind."""

_SO_TIMESTAMPNS = 35
_BUFFER = 16 << 20
_BILLION = 1_000_000_000
_IPV4 = b"\x08\x00"


class NotSeen(Exception):
    """What should have been let through was not."""


class Witness:
    """Belongs to one event loop. The node forwards between the site's clients and its name server's network."""

    def __init__(self, place: Site) -> None:
        place.node.run(f"ip route add {TARGETS} via {UPSTREAM}")
        place.node.run(f"ip route add {SOURCES} dev w0")
        place.server.run(f"ip route add local {TARGETS} dev lo")
        hardware = json.loads(place.node.run("ip -json link show w0"))[0]["address"]
        with place.clients.entered():
            self._sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            self._sender.bind(("eth0", 0))
        own: bytes = self._sender.getsockname()[4]
        self._head = bytes.fromhex(str(hardware).replace(":", "")) + own + _IPV4
        with place.server.entered():
            self._receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._receiver.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        self._receiver.setblocking(False)
        self._receiver.bind(("0.0.0.0", PORT))
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._receiver.fileno(), self._hear)
        self._waiting: dict[int, tuple[bytes, asyncio.Future[int]]] = {}
        self._number = 0
        self._heard: set[int] = set()
        self._sending = self._loop.create_task(self._send())

    async def seen(self, source: IPv4Address, target: IPv4Address, seconds: float = 30.0) -> int:
        """When the first packet from there to there was let through. Raises NotSeen."""
        self._number += 1
        number = self._number
        future: asyncio.Future[int] = self._loop.create_future()
        self._waiting[number] = self._frame(number, source, target), future
        try:
            async with asyncio.timeout(seconds):
                return await future
        except TimeoutError:
            raise NotSeen(f"no packet from {source} to {target} came through in {seconds:g} s") from None
        finally:
            self._waiting.pop(number, None)

    async def passed(self, sources: list[IPv4Address], target: IPv4Address, seconds: float = 0.5) -> set[IPv4Address]:
        """Of these, who is let through now: a packet each, and so much patience."""
        self._heard.clear()
        numbers = {}
        for source in sources:
            self._number += 1
            numbers[self._number] = source
            self._sender.send(self._frame(self._number, source, target))
            if len(numbers) % 100 == 0:
                await asyncio.sleep(0.001)
        await asyncio.sleep(seconds)
        return {source for number, source in numbers.items() if number in self._heard}

    async def close(self) -> None:
        self._sending.cancel()
        await asyncio.gather(self._sending, return_exceptions=True)
        self._loop.remove_reader(self._receiver.fileno())
        self._sender.close()
        self._receiver.close()

    def _frame(self, number: int, source: IPv4Address, target: IPv4Address) -> bytes:
        """Its own connection, also where source and target are those of an earlier one."""
        return self._head + datagram(source, target, number, struct.pack("!Q", number))

    async def _send(self) -> None:
        due = self._loop.time()
        while True:
            for frame, _ in tuple(self._waiting.values()):
                self._sender.send(frame)
            due = max(due + EVERY, self._loop.time())
            await asyncio.sleep(due - self._loop.time())

    def _hear(self) -> None:
        while True:
            try:
                message, ancillary, _, _ = self._receiver.recvmsg(64, 64)
            except OSError:
                return
            (number,) = struct.unpack("!Q", message[:8])
            self._heard.add(number)
            waiting = self._waiting.pop(number, None)
            if waiting is not None and not waiting[1].done():
                seconds, nanoseconds = struct.unpack("qq", ancillary[0][2])
                waiting[1].set_result(seconds * _BILLION + nanoseconds)
