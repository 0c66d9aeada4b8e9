"""Connections of every kind between two namespaces, of which either end may speak."""

import contextlib
import select
import socket
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dnsguard.dataplane.naming import COUNTER_REVOKED
from tests.support.road import PATIENCE_SECONDS, Road

TCP, UDP, ICMP = "TCP", "UDP", "ICMP"
_ECHO = {4: (8, 0), 6: (128, 129)}
_SOL_RAW, _ICMP_FILTER, _ICMP6_FILTER = 255, 1, 1


@dataclass(frozen=True, slots=True)
class Talk:
    """One connection. What becomes of a packet is said as `Road.send` says it."""

    road: Road
    opener: socket.socket
    other: socket.socket
    first: bytes
    """What the opener says."""

    answer: bytes
    opened_from: tuple[str | int, ...]
    opened_to: tuple[str | int, ...]

    def forth(self) -> str:
        """The opener speaks."""
        return self._pass(self.opener, self.other, self.opened_to, self.first, lambda name: name != COUNTER_REVOKED)

    def back(self) -> str:
        """The other end speaks. What the opener says once more meanwhile is counted elsewhere."""
        return self._pass(self.other, self.opener, self.opened_from, self.answer, lambda name: name == COUNTER_REVOKED)

    def round_trip(self) -> int:
        """The same, one after the other and without a look at what became of them; how many packets that were. Raises
        TimeoutError where one is lost."""
        self.opener.sendto(self.first, self.opened_to)
        _await(self.other)
        return 1 + self.answered()

    def answered(self) -> int:
        """The other end speaks, likewise."""
        self.other.sendto(self.answer, self.opened_from)
        _await(self.opener)
        return 1

    def _pass(
        self,
        sender: socket.socket,
        receiver: socket.socket,
        to: tuple[str | int, ...],
        said: bytes,
        counts: Callable[[str], bool],
    ) -> str:
        with contextlib.suppress(BlockingIOError):
            while receiver.recv(64):
                pass  # what was held up, and came by other ways
        return self.road.pass_on(sender, receiver, to, said, counts)


def _await(receiver: socket.socket) -> None:
    if not select.select([receiver], [], [], PATIENCE_SECONDS)[0]:
        raise TimeoutError
    receiver.recv(64)


@contextlib.contextmanager
def talk(
    road: Road, kind: str, start: str, opened_from: str, end: str, opened_to: str, port: int = 443
) -> Iterator[Talk]:
    """A connection between two places, from one address to the other, over which something went both ways."""
    with contextlib.ExitStack() as stack:
        opener, other, first, answer, there = _ends(stack, road, kind, start, opened_from, end, opened_to, port)
        for each in opener, other:
            each.setblocking(False)
        here = (opened_from, 0) if kind == ICMP else opener.getsockname()[:2]
        made = Talk(road, opener, other, first, answer, here, there)
        assert made.forth() == "arrived"
        assert made.back() == "arrived"
        yield made


def _ends(
    stack: contextlib.ExitStack, road: Road, kind: str, start: str, source: str, end: str, target: str, port: int
) -> tuple[socket.socket, socket.socket, bytes, bytes, tuple[str | int, ...]]:
    version = 6 if ":" in target else 4
    family = socket.AF_INET6 if version == 6 else socket.AF_INET

    def made(place: str, address: str, kind: int, protocol: int = 0, port: int = 0) -> socket.socket:
        with road.places[place].entered():
            found = stack.enter_context(socket.socket(family, kind, protocol))
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((address, port))
        found.settimeout(PATIENCE_SECONDS)
        return found

    match kind:
        case "UDP":
            there = made(end, target, socket.SOCK_DGRAM, port=port)
            return made(start, source, socket.SOCK_DGRAM), there, b"?", b"!", (target, port)
        case "TCP":
            listening = made(end, target, socket.SOCK_STREAM, port=port)
            listening.listen()
            opener = made(start, source, socket.SOCK_STREAM)
            opener.connect((target, port))
            other = stack.enter_context(listening.accept()[0])
            for each in opener, other:
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                # Closed, it says nothing any more that others would take for theirs.
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("=ii", 1, 0))
            return opener, other, b"?", b"!", (target, port)
        case _:
            road.places[end].run("sysctl -qw net.ipv4.icmp_echo_ignore_all=1 net.ipv6.icmp.echo_ignore_all=1")
            protocol = socket.IPPROTO_ICMP if version == 4 else socket.IPPROTO_ICMPV6
            asks, answers = _ECHO[version]
            opener = made(start, source, socket.SOCK_RAW, protocol)
            other = made(end, target, socket.SOCK_RAW, protocol)
            _only(opener, version, answers)
            _only(other, version, asks)
            return opener, other, _echo(asks, version), _echo(answers, version), (target, 0)


def _only(raw: socket.socket, version: int, kind: int) -> None:
    """Let the socket receive messages of one type."""
    if version == 4:
        raw.setsockopt(_SOL_RAW, _ICMP_FILTER, struct.pack("=I", 0xFFFFFFFF & ~(1 << kind)))
        return
    blocked = [0xFFFFFFFF] * 8
    blocked[kind // 32] &= ~(1 << kind % 32)
    raw.setsockopt(socket.IPPROTO_ICMPV6, _ICMP6_FILTER, struct.pack("=8I", *blocked))


def _echo(kind: int, version: int) -> bytes:
    """An echo request or answer. Of ICMPv6 the kernel fills in the checksum."""
    checksum = 0 if version == 6 else 0xFFFF - (kind << 8) - 77 - 1
    return struct.pack("!BBHHH", kind, 0, checksum, 77, 1)
