"""What goes wrong with the log of denied packets ends nothing else."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from dnsguard.controller.denied.packets import InForce, LoggedPackets, PacketGroups
from dnsguard.controller.denied.tally import Tally


async def test_a_mistake_of_ours_is_said_and_the_next_look_is_taken(caplog: pytest.LogCaptureFixture) -> None:
    looks: asyncio.Queue[None] = asyncio.Queue()

    def in_force() -> InForce | None:
        looks.put_nowait(None)
        raise LookupError("a mistake")

    async def nothing(*_: Any) -> Mapping[Any, Any]:
        return {}

    packets = LoggedPackets(PacketGroups(None, None, 100), "", in_force, nothing, nothing, None, Tally(10))
    running = asyncio.create_task(packets.run())
    async with asyncio.timeout(20):
        for _ in range(3):
            await looks.get()
    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert "denied packets could not be read" in caplog.text
