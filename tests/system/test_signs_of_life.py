"""Who may make the dead-man switch open, and who may not: the forwarder's death or standstill, and nothing else."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from dnsguard.link.messages import DnsConfiguration, Snapshot
from dnsguard.netlink import nftables
from tests.support import dnswire
from tests.support.fake_upstream import silence
from tests.system.forwarder import NEIGHBOUR, TABLE, WORKLOAD, Rig, feed, identity, policy, rig
from tests.system.test_forwarder_netlink import LOSE_CAPABILITIES

FEED = feed("web", "*.example.org")
WEB = identity("shop/web", [WORKLOAD], ["web"])
BEATS = "forwarder_beats_total"


def dead_after(seconds: float) -> Snapshot:
    return replace(policy(FEED, identities=[WEB]), configuration=DnsConfiguration(fail_open_after=seconds))


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path) as made:
        made.make_sets(FEED)
        made.kernel.transact([nftables.add_set(TABLE, "alive", key_type=2, key_length=1, flags=nftables.SET_TIMEOUT)])
        made.zone["www.example.org"] = [("A", "198.51.100.1")]
        yield made


def is_open(here: Rig) -> bool:
    return not here.node.run("nft list set inet dnsguard alive").count("ipv4")


async def started(here: Rig, after: float, first: str = "pass") -> None:
    await here.start(first=first)
    await here.connected()
    await here.enforced(dead_after(after))
    assert not is_open(here)


async def beats(here: Rig, more: int) -> None:
    """So many more signs of life, and never none that counts."""
    wanted = here.metric(BEATS) + more
    while here.metric(BEATS) < wanted:
        assert not is_open(here)
        await asyncio.sleep(0.05)


async def test_neither_without_the_controller_nor_without_upstreams_does_it_open(here: Rig) -> None:
    await started(here, 5.0)
    here.upstream.script = silence
    await here.link.close()
    await beats(here, 3)
    assert here.metric("forwarder_controller_connected") == 0
    assert here.metric("forwarder_fail_open_after_seconds") == 5
    assert "without a sign of life of this process for 5 s the rules let everything pass" in here.log


async def test_who_floods_it_with_queries_opens_nothing(here: Rig) -> None:
    """All that one workload can send, of names that are new each time, for as long as the rules wait and longer."""
    await started(here, 5.0)
    stop = asyncio.Event()

    async def flood() -> int:
        attacker, number = here.socket_of(NEIGHBOUR), 0
        while not stop.is_set():
            for _ in range(200):
                number += 1
                with contextlib.suppress(BlockingIOError):
                    attacker.send(dnswire.query(dnswire.question(f"n{number}.example.org"), number & 0xFFFF))
            await asyncio.sleep(0)
        return number

    flooding = asyncio.create_task(flood())
    try:
        await beats(here, 6)
    finally:
        stop.set()
    assert await flooding > 10_000
    assert here.metric("forwarder_beats_failed_total") == 0


async def test_killed_it_opens_in_time_and_the_next_one_closes_before_it_answers(here: Rig) -> None:
    await started(here, 1.5)
    await here.until((here.directory / "state" / "policy.last-good").exists, "the last good policy is written")
    here.signal(signal.SIGKILL)
    await here.ended()
    await here.link.close()
    await here.until(lambda: is_open(here), "its time runs out")
    await here.start()
    assert not is_open(here), "it needs no controller for that"


async def test_one_that_hangs_gives_no_sign(here: Rig) -> None:
    await started(here, 1.5)
    here.signal(signal.SIGSTOP)
    await here.until(lambda: is_open(here), "its time runs out")
    here.signal(signal.SIGCONT)
    await here.until(lambda: not is_open(here), "it goes on")


async def test_a_sign_that_the_kernel_does_not_take_is_said(here: Rig) -> None:
    await started(here, 600.0, LOSE_CAPABILITIES)
    here.signal(signal.SIGUSR1)
    await here.enforced(dead_after(601.0))
    status, said = here.http("/readyz") or (0, "")
    assert status == 503
    assert "no sign of life can be given, 601 s after the last everything passes" in said
    assert "add elements to set alive: Operation not permitted" in said
    assert here.metric("forwarder_beats_failed_total") > 0
    await here.until(
        lambda: any(
            "no sign of life" in problem
            for each in here.link.forwarders
            if each.stats is not None
            for problem in each.stats.problems
        ),
        "whoever asks the controller sees it",
    )


async def test_with_several_processes_one_gives_them(here: Rig) -> None:
    await here.start("--workers", "2")
    await here.until(lambda: len(here.link.forwarders) == 2, "both are connected")
    await here.enforced(dead_after(5.0))
    await beats(here, 2)
    assert here.metric("forwarder_beats_failed_total") == 0


async def test_where_nobody_asks_for_them_there_are_none(here: Rig) -> None:
    await started_without(here)
    assert is_open(here)
    assert here.metric(BEATS) == 0
    assert here.metric("forwarder_fail_open_after_seconds") == 0


async def started_without(here: Rig) -> None:
    await here.start()
    await here.connected()
    await here.enforced(policy(FEED, identities=[WEB]))
