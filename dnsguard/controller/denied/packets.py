"""Everything about logged packets in one place: read, told whose they are, put together, named, shown, written."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from dnsguard.calc.compiled import Compiled, Direction
from dnsguard.controller.denied.completeness import Completeness, Counts
from dnsguard.controller.denied.reading import TICK_SECONDS, Group, InterfaceNames
from dnsguard.controller.denied.shown import Shown
from dnsguard.controller.denied.tally import Tally
from dnsguard.controller.denied.unlogged import Missed
from dnsguard.controller.denied.whose import Whose
from dnsguard.dataplane.rulenames import RuleNames
from dnsguard.dataplane.rules import Plan
from dnsguard.errors import DnsguardError
from dnsguard.netlink.headers import headers
from dnsguard.netlink.nflog import Logged
from dnsguard.netlink.packetlog import BUFFER
from dnsguard.observe.exposition import Metric, number
from dnsguard.observe.merging import Merged, Merging
from dnsguard.observe.packetrecord import DENY, LOG, Decided, Packet, PacketRecord, unshown_line
from dnsguard.observe.writer import LineWriter

log = logging.getLogger(__name__)

LAST_SECONDS: Final = 1.0
"""What the file is given at the end to take what waits."""

MOST_ASKED: Final = 256
"""Addresses whose names are asked for at a time; those of others stay unknown."""

Ask = Callable[[Collection[tuple[bytes, bytes]]], Awaitable[Mapping[tuple[bytes, bytes], tuple[str, ...]]]]
"""(Client, address) → the names that led that client there. Those that nobody could be asked about are left out."""


class InForce(NamedTuple):
    """What the kernel enforces."""

    compiled: Compiled
    plan: Plan


class PacketGroups(NamedTuple):
    """Which NFLOG groups are read; None for one that is not."""

    denied: int | None
    logged: int | None
    per_second: int
    """What is logged at most of what is denied to one interface."""

    buffer_bytes: int = BUFFER
    """What waits for us in the kernel, of each group."""


class LoggedPackets:
    """Belongs to one event loop."""

    def __init__(
        self,
        groups: PacketGroups,
        node: str,
        in_force: Callable[[], InForce | None],
        ask: Ask,
        counts: Counts,
        writer: LineWriter | None,
        tally: Tally,
    ) -> None:
        """``writer``: None where no file is written."""
        self.shown = Shown()
        self.records = 0
        """Made since the beginning."""

        self._in_force = in_force
        self._ask = ask
        self._writer = writer
        self._tally = tally
        self._whose = Whose(node)
        self._rules = RuleNames()
        self._merging = Merging()
        self._names = InterfaceNames()
        self._groups: list[Group] = []
        self._denied: Group | None = None
        if groups.denied is not None:
            self._denied = Group(groups.denied, "the log of denied packets", self._deny, groups.buffer_bytes)
            self._groups.append(self._denied)
        if groups.logged is not None:
            self._groups.append(
                Group(
                    groups.logged,
                    "what Log rules show (packet_log: Denied leaves it alone)",
                    self._log,
                    groups.buffer_bytes,
                )
            )
        self._completeness = Completeness(groups.denied or 0, groups.per_second // 2, counts, self._say_missed)
        self._finishing: asyncio.Task[None] | None = None
        self._unreadable = 0
        self._lost_told = 0
        self._denied_lost = 0

    @property
    def problems(self) -> tuple[str, ...]:
        """What keeps records from being made or written."""
        found = [group.problem for group in self._groups]
        if self._writer is not None:
            found.append(self._writer.problem)
        return tuple(filter(None, found))

    @property
    def is_reading(self) -> bool:
        """Whether all groups are ours: from then on nothing is missed unsaid."""
        return all(group.is_open for group in self._groups)

    @property
    def is_counting(self) -> bool:
        """Whether it is known what was denied before."""
        return self._completeness.is_begun

    @property
    def lost(self) -> int:
        """Packets that were logged and of which nothing reached us."""
        return sum(group.lost for group in self._groups) + self._unreadable

    async def run(self) -> None:
        """Read until cancelled."""
        try:
            while True:
                try:
                    await self._tick()
                except Exception:
                    # A mistake of ours must not take the enforcement of policy with it.
                    log.exception("denied packets could not be read")
                await asyncio.sleep(TICK_SECONDS)
        finally:
            for group in self._groups:
                group.close()
            self._completeness.close()
            if self._finishing is not None:
                self._finishing.cancel()

    def close(self, seconds: float = LAST_SECONDS) -> None:
        """Write what waits, for so long at most. Blocks."""
        self.shown.close()
        now = time.time()
        for merged in self._merging.due(now, window=0.0):
            self._put(merged, None)
        if self._writer is not None:
            self._writer.close(seconds)

    def metrics(self) -> Iterator[Metric]:
        """What there is to measure."""
        yield number("dnsguard_packet_records_total", "counter", "Records of denied and logged packets.", self.records)
        for name, text, value in (
            ("read", "Packets that rules logged and that were read.", self._merging.packets),
            ("suppressed", "Packets without a record, because their client had too many.", self._merging.suppressed),
            ("lost", "Packets that rules logged and that were lost before they were read.", self.lost),
            ("unlogged", "Denied packets beyond what is logged in a second.", self._completeness.unlogged.packets),
            ("unwritten", "Records that the file did not take.", self._writer.lost if self._writer is not None else 0),
        ):
            yield number(f"dnsguard_logged_packets_{name}_total", "counter", text, value)
        yield from self._tally.metrics()

    async def _tick(self) -> None:
        force = self._in_force()
        if force is not None:
            self._whose.follow(force.compiled)
            self._rules.follow(force.compiled)
        for group in self._groups:
            group.open()
            await group.read()
        self._report_gaps()
        now = time.time()
        if self._finishing is None or self._finishing.done():
            due = self._merging.due(now)
            if due:
                self._finishing = asyncio.create_task(self._finish(due), name="denied packets")
        if force is not None:
            self._completeness.tick(force.plan, self._merging.packets)
        if self._writer is not None:
            self._writer.flush()

    def _deny(self, logged: Logged) -> None:
        self._completeness.unlogged.logged(logged.prefix)
        self._take(DENY, logged)

    def _log(self, logged: Logged) -> None:
        self._take(LOG, logged)

    def _take(self, action: str, logged: Logged) -> None:
        found = headers(logged.payload, logged.ether_type)
        if found is None:
            self._unreadable += 1
            return
        interface_in = self._names(logged.port_in or logged.interface_in)
        interface_out = self._names(logged.port_out or logged.interface_out)
        packet = Packet(
            action,
            logged.prefix,
            found.source,
            found.destination,
            found.protocol,
            found.destination_port,
            found.icmp_type,
            found.icmp_code,
            found.fragment,
            interface_in,
            interface_out,
        )
        now = time.time()
        if self._merging.add(packet, now):
            return
        rule = self._rules(logged.prefix)
        party = self._whose.party(rule, found, interface_in, interface_out, logged.hook)
        decided = (
            Decided("a rule that is gone")
            if rule is None
            else Decided(str(rule), rule.tier, str(rule.policy or ""), rule.profile, rule.rule_index)
        )
        self._merging.begin(packet, found.source_port, party, decided, now)

    async def _finish(self, due: list[Merged]) -> None:
        """Ask for the names, and make the records."""
        asked = dict.fromkeys(_pair(each) for each in due if _may_be_named(each))
        names: Mapping[tuple[bytes, bytes], tuple[str, ...]] = {}
        if asked:
            try:
                names = await self._ask(list(asked)[:MOST_ASKED])
            except DnsguardError as error:
                log.info("names of denied addresses cannot be asked for: %s", error)
        for number_, each in enumerate(due, 1):
            self._put(each, names.get(_pair(each)))
            if not number_ % 64:
                await asyncio.sleep(0)

    def _put(self, merged: Merged, names: tuple[str, ...] | None) -> None:
        record = PacketRecord(
            merged.first,
            merged.last,
            merged.packets,
            merged.packet,
            merged.source_port,
            merged.party,
            merged.decided,
            names,
        )
        line = record.line()
        self.records += 1
        if merged.packet.action == DENY:
            self._tally.add(merged.party, merged.packets, merged.last)
        self.shown.put(record, line)
        if self._writer is not None:
            self._writer.put(line)

    def _say(self, line: str) -> None:
        self.shown.announce(line)
        if self._writer is not None:
            self._writer.put(line)

    def _report_gaps(self) -> None:
        now = time.time()
        for client, count in self._merging.over():
            self._say(unshown_line(now, count, "more than are shown of one client", whose=client.decode()))
        if crowded := self._merging.crowded():
            self._say(unshown_line(now, crowded, "too many at once"))
        if missing := self.lost - self._lost_told:
            self._lost_told += missing
            if self._denied is not None:
                self._completeness.lost(self._denied.lost - self._denied_lost)
                self._denied_lost = self._denied.lost
            self._say(unshown_line(now, missing, "lost on the way from the kernel"))

    def _say_missed(self, missed: Iterable[Missed]) -> None:
        now = time.time()
        for counter, count in missed:
            rule = self._rules(counter)
            whose = "" if rule is None else str(rule)
            self._say(unshown_line(now, count, "beyond what is logged in a second", whose=whose, counter=counter))


def _may_be_named(merged: Merged) -> bool:
    return merged.party.direction == Direction.EGRESS and bool(merged.packet.source)


def _pair(merged: Merged) -> tuple[bytes, bytes]:
    return merged.packet.source, merged.packet.destination
