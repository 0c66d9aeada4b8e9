"""One round of the self-test for one family::

    lease ─► send: must pass, counted by both directions' rules ─► revoke ─► send: must be counted as denied

It has passed when it comes out, or has been counted behind all of our hooks: another firewall may drop it there.

What was not counted was not judged by our rules, whatever became of it. A packet is of a connection of its own: what
was allowed goes on for as long as its connection does.
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple, Protocol

from dnsguard.dataplane.canary import ALLOWED_IN, ALLOWED_OUT, DENIED_OUT, PASSED, lease_set
from dnsguard.forwarder.canary.packets import Sent, payload, recognised, udp_packet
from dnsguard.leases.changes import Element, Place
from dnsguard.netlink import dumps, nftables
from dnsguard.netlink.linkmessages import Road
from dnsguard.netlink.nftables import Message

ATTEMPTS: Final = 3
"""A machine under load loses a packet now and then."""

PAUSES: Final = 0.0005, 0.002, 0.005, 0.02, 0.05, 0.1
"""Seconds between looks whether a packet is there: nearly always it is by the time that it is sent."""

LEASE_SECONDS: Final = 10.0
"""Should we die between leasing and revoking."""

ASK_SECONDS: Final = 0.25
"""That the kernel may take to say what it counted: nobody is answered meanwhile."""

_FIRST_PORT, _PORTS = 1024, 60_000


class Writes(Protocol):
    """Who writes leases; see ``Committer``."""

    @property
    def table(self) -> str: ...

    def write_aside(self, add: list[Element], remove: list[Place]) -> str: ...


class Asks(Protocol):
    """Who reads counters; see ``NetfilterSocket``."""

    def ask(self, requests: Sequence[Message], deadline_s: float = 5.0) -> list[bytes | None]: ...


class Pair(Protocol):
    """The way of the packets; see ``CanaryPair``."""

    def send(self, packet: bytes, family: int) -> None: ...

    def received(self) -> list[bytes]: ...


@dataclass(frozen=True, slots=True)
class Failure:
    """What was not as it should be."""

    text: str
    passed: bool = False
    """A packet passed that the table did not allow."""

    is_elsewhere: bool = False
    """The table did what it should, as far as can be seen."""


class _Counted(NamedTuple):
    """Packets."""

    allowed_out: int
    allowed_in: int
    denied: int
    passed: int


class Rounds:
    """Belongs to one event loop."""

    def __init__(self, pair: Pair, writes: Writes, asks: Asks) -> None:
        self._pair = pair
        self._writes = writes
        self._asks = asks
        self._clock = asyncio.get_running_loop().time
        self._secret = os.urandom(8)
        self._serial = int.from_bytes(os.urandom(2), "big")
        self._arrived: set[Sent] = set()
        self.is_dropped_behind = False
        """In the last round others dropped what our table let pass."""

    async def prove(self, road: Road) -> Failure | None:
        """One round; what failed. Raises OSError where the pair is gone, DnsguardError where the kernel is silent."""
        self._arrived.clear()
        if self._has_leaked():
            return Failure("a packet passed late that had no lease", passed=True)
        place = Place(lease_set(road.client.version), road.client.packed, road.target.packed)
        try:
            if refused := self._writes.write_aside([Element(place, self._clock() + LEASE_SECONDS)], []):
                return await self._unleased(road, f"leases cannot be written: {refused}")
            failure = await self._allowed(road)
            if failure and not failure.is_elsewhere:
                return failure
        finally:
            # Also where this ends in between: what is left open is closed.
            refused = self._writes.write_aside([], [place])
        if refused:
            return Failure(f"leases cannot be removed: {refused}")
        return await self._denied(road) or failure

    async def _allowed(self, road: Road) -> Failure | None:
        """A packet with a lease arrives, and both directions' rules let it."""
        await asyncio.sleep(0)  # a tenth of a millisecond for each step, and answers in between
        before = self._counted()
        for _ in range(ATTEMPTS):
            sent = self._send(road, is_allowed=True)
            if arrived := await self._until(partial(self._has_arrived, sent)):
                break
        counted = self._counted()
        out, into = counted.allowed_out > before.allowed_out, counted.allowed_in > before.allowed_in
        table = f"table {self._writes.table}"
        self.is_dropped_behind = not arrived and out and into and counted.passed > before.passed
        if self.is_dropped_behind:
            return None
        if arrived:
            unjudged = "" if out and into else "ingress" if out else "egress"
            return (
                Failure(f"a packet passed that no {unjudged} rule of {table} judged", passed=True) if unjudged else None
            )
        text = "allowed packet did not arrive"
        if counted.denied > before.denied:
            return Failure(f"{text}: {table} denied it though its lease is written")
        if not out:
            return Failure(f"{text}: no egress rule of {table} judged it")
        if not into:
            return Failure(f"{text}: no ingress rule of {table} allowed it")
        return Failure(f"{text}: {table} let it pass, another table or a route did not", is_elsewhere=True)

    async def _denied(self, road: Road) -> Failure | None:
        """A packet without a lease is denied by the rules, and not only lost."""
        await asyncio.sleep(0)
        before = self._counted()
        for _ in range(ATTEMPTS):
            self._send(road, is_allowed=False)
            if await self._until(lambda: self._has_leaked() or self._counted().denied > before.denied):
                break
        if self._has_leaked():
            return Failure("a packet passed that had no lease", passed=True)
        counted = self._counted()
        if counted.denied > before.denied:
            return None
        if counted.passed > before.passed:
            return Failure("a packet passed that had no lease, as far as another firewall", passed=True)
        return Failure(f"a packet without a lease was lost before a rule of table {self._writes.table} denied it")

    async def _unleased(self, road: Road, why: str) -> Failure:
        """Where nothing can be leased it can still be seen whether what nobody leased passes."""
        failure = await self._denied(road)
        return Failure(f"{failure.text}, and {why}", passed=True) if failure and failure.passed else Failure(why)

    def _send(self, road: Road, *, is_allowed: bool) -> Sent:
        self._serial += 1
        sent = Sent(self._serial, is_allowed)
        port = _FIRST_PORT + self._serial % _PORTS
        self._pair.send(udp_packet(road.client, road.target, port, payload(self._secret, sent)), road.client.version)
        return sent

    def _has_arrived(self, sent: Sent) -> bool:
        self._look()
        return sent in self._arrived

    def _has_leaked(self) -> bool:
        self._look()
        return any(not sent.is_allowed for sent in self._arrived)

    async def _until(self, condition: Callable[[], bool]) -> bool:
        """Whether it holds, soon."""
        for pause in PAUSES:
            if condition():
                return True
            await asyncio.sleep(pause)
        return condition()

    def _look(self) -> None:
        for packet in self._pair.received():
            if (sent := recognised(packet, self._secret)) is not None:
                self._arrived.add(sent)

    def _counted(self) -> _Counted:
        """A counter that is not there has counted nothing."""
        counters = ALLOWED_OUT, ALLOWED_IN, DENIED_OUT, PASSED
        requests = [nftables.counter_request(self._writes.table, name) for name in counters]
        answers = self._asks.ask(requests, ASK_SECONDS)
        return _Counted(*(0 if answer is None else dumps.counters([answer])[0].packets for answer in answers))
