"""Look-ups that are each followed at once by a packet to the address in the answer, from the client that asked.

Closed loop: every client has a few questions under way, and sends the packet before it asks the next. Run as a program
in the clients' network; takes a plan as JSON, prints what it did.
"""

import gc
import json
import select
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from ipaddress import IPv4Address

from loadtest.dns import names
from loadtest.dns.dnsperf import LoadError
from loadtest.dns.names import Kind
from loadtest.dns.query import is_answer, question
from tests.support.netns import Namespace

CLOSED = IPv4Address("198.19.128.0")
"""No name leads to these addresses, of which there are 32768."""

_CLOSED_COUNT = 1 << 15
_EVERY_TCP = 4
"""Of so many packets one is the first of a TCP connection."""

_EVERY_CLOSED = 100
"""After so many look-ups there is one packet to an address that nobody was led to."""

_PAYLOAD = b"at once"
_STUCK = 2.0
"""Seconds without any answer, after which all that is under way is asked once more."""

_GIVE_UP = 30.0
_IDS = 1 << 16
_SOURCE_PORT = 30_000


@dataclass(frozen=True, slots=True)
class Plan:
    """What to ask and where to go."""

    server: str
    sources: tuple[str, ...]
    lookups: int
    """All clients together."""

    distinct: int
    """Names of each client, over and over."""

    port: int
    window: int = 8
    """Questions under way of each client."""

    kind: str = Kind.PLAIN


@dataclass(slots=True)
class Followed:
    """What was done."""

    answered: int = 0
    failed: int = 0
    """Answers that say no; nothing follows."""

    wrong: int = 0
    """Answers with another address than the name has."""

    again: int = 0
    """Questions that were asked once more, because no answer came for a while."""

    unanswered: int = 0
    udp: int = 0
    tcp: int = 0
    closed: int = 0
    """Packets to addresses that nobody was led to."""

    seconds: float = 0.0


class _Client:
    def __init__(self, source: str, plan: Plan, questions: list[bytes], found: Followed, share: int) -> None:
        self._plan, self._questions, self._found = plan, questions, found
        self._left = share
        self._next = 0
        self.waiting: dict[int, int] = {}
        """ID → number of the name."""

        self.asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.asker.setblocking(False)
        self.asker.bind((source, 0))
        self.asker.connect((plan.server, 53))
        self._sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sender.bind((source, 0))
        self._raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
        self._raw.bind((source, 0))
        self._segment = _first_segments(IPv4Address(source), plan.port)

    def ask(self) -> None:
        """One more question, if there is one left."""
        if self._left:
            self._left -= 1
            number, self._next = self._next, self._next + 1
            self.waiting[number % _IDS] = number % self._plan.distinct
            self._send(number % _IDS)

    def ask_again(self) -> None:
        for identifier in self.waiting:
            self._found.again += 1
            self._send(identifier)

    def hear(self) -> None:
        """Take the answers that are there; after each its packet, then the next question."""
        found = self._found
        while True:
            try:
                message = self.asker.recv(4096)
            except OSError:
                return
            number = self.waiting.pop(int.from_bytes(message[:2], "big"), None)
            if number is None:
                continue
            if is_answer(message):
                self._follow(message[-4:])
                found.answered += 1
                found.wrong += message[-4:] != names.address(number).packed
                if found.answered % _EVERY_CLOSED == 0:
                    found.closed += 1
                    target = CLOSED + found.answered // _EVERY_CLOSED % _CLOSED_COUNT
                    self._sender.sendto(_PAYLOAD, (str(target), self._plan.port))
            else:
                found.failed += 1
            self.ask()

    def _follow(self, address: bytes) -> None:
        target = socket.inet_ntoa(address), self._plan.port
        if self._found.answered % _EVERY_TCP:
            self._sender.sendto(_PAYLOAD, target)
            self._found.udp += 1
        else:
            self._raw.sendto(self._segment(address), (target[0], 0))
            self._found.tcp += 1

    def _send(self, identifier: int) -> None:
        query = identifier.to_bytes(2, "big") + self._questions[self.waiting[identifier]]
        try:
            self.asker.send(query)
        except OSError:  # full, or told of an earlier packet that nobody listens: it is asked again
            return


def _first_segments(source: IPv4Address, port: int) -> Callable[[bytes], bytes]:
    """Address → the SYN that opens a connection to it (RFC 9293, 3.1)."""
    head = struct.pack("!HHIIBBHHH", _SOURCE_PORT, port, 1, 0, 5 << 4, 2, 65_535, 0, 0)
    constant: int = (
        sum(struct.unpack("!10H", head)) + sum(struct.unpack("!2H", source.packed)) + socket.IPPROTO_TCP + 20
    )

    def segment(address: bytes) -> bytes:
        total = constant + int.from_bytes(address[:2], "big") + int.from_bytes(address[2:], "big")
        total = (total & 0xFFFF) + (total >> 16)
        total = (total & 0xFFFF) + (total >> 16)
        return head[:16] + (~total & 0xFFFF).to_bytes(2, "big") + head[18:]

    return segment


def _run(plan: Plan) -> Followed:
    found = Followed()
    questions = [question(names.name(Kind(plan.kind), number)) for number in range(plan.distinct)]
    shares = [plan.lookups // len(plan.sources)] * len(plan.sources)
    shares[0] += plan.lookups - sum(shares)
    clients = [
        _Client(source, plan, questions, found, share) for source, share in zip(plan.sources, shares, strict=True)
    ]
    epoll = select.epoll()
    by_handle = {each.asker.fileno(): each for each in clients}
    for handle in by_handle:
        epoll.register(handle, select.EPOLLIN)
    gc.disable()
    began = heard = time.monotonic()
    for each in clients:
        for _ in range(plan.window):
            each.ask()
    while any(each.waiting for each in clients):
        events = epoll.poll(_STUCK)
        for handle, _ in events:
            by_handle[handle].hear()
        if events:
            heard = time.monotonic()
        elif time.monotonic() - heard > _GIVE_UP:
            break
        else:
            for each in clients:
                each.ask_again()
    found.unanswered = sum(len(each.waiting) for each in clients)
    found.seconds = time.monotonic() - began
    return found


def followed(place: Namespace, plan: Plan) -> Followed:
    """Carry the plan out in this network. Raises LoadError."""
    with place.entered():
        words = [sys.executable, "-m", "loadtest.dns.following", json.dumps(asdict(plan))]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LoadError(f"the load generator: {done.stderr.strip()}")
    return Followed(**json.loads(done.stdout))


def main() -> None:
    """The plan is the only argument."""
    json.dump(asdict(_run(Plan(**json.loads(sys.argv[1])))), sys.stdout)


if __name__ == "__main__":
    main()
