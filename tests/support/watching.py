"""Reads what a node logs, as the controller does, in tests that send packets."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from dnsguard.calc.compiled import Compiled
from dnsguard.controller.denied.packets import Ask, InForce, LoggedPackets, PacketGroups
from dnsguard.controller.denied.tally import Tally
from dnsguard.dataplane.rules import Plan
from dnsguard.netlink.packetlog import BUFFER
from dnsguard.observe.packetrecord import WantedPackets
from tests.support.road import Road

PATIENCE = 60.0


@dataclass
class Watch:
    """What is read, and what came of it."""

    packets: LoggedPackets

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.packets.shown.newest(WantedPackets(), 1024)]

    async def until(self, look: Callable[[], Any]) -> Any:
        give_up = time.monotonic() + PATIENCE
        while not (found := look()):
            assert time.monotonic() < give_up, self.records()
            await asyncio.sleep(0.02)
        return found


async def nobody(_: Collection[tuple[bytes, bytes]]) -> Mapping[tuple[bytes, bytes], tuple[str, ...]]:
    """Where no forwarder is there to be asked for names."""
    return {}


@contextlib.asynccontextmanager
async def watching(
    way: Road,
    compiled: Compiled,
    plan: Plan,
    ask: Ask = nobody,
    *,
    until: Callable[[LoggedPackets], object] = lambda packets: packets.is_reading,
    per_second: int = 100,
    buffer_bytes: int = BUFFER,
) -> AsyncIterator[Watch]:
    """``plan`` of ``compiled`` is in force. All of it happens in the node's network: so is this thread while it
    waits."""
    force = InForce(compiled, plan)

    async def counts() -> Mapping[str, int]:
        return {name: counted.packets for name, counted in way.counters().items()}

    groups = PacketGroups(101, 100, per_second, buffer_bytes)
    packets = LoggedPackets(groups, "", lambda: force, ask, counts, None, Tally(100))
    with way.node.entered():
        task = asyncio.create_task(packets.run())
        watch = Watch(packets)
        try:
            await watch.until(lambda: until(packets))
            yield watch
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
