"""The wall clock is set to another year, the machine is started anew: no lease lasts longer than it was to, and no
answer is kept from anybody."""

import json
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from dnslib import RCODE

from dnsguard.netlink import nftables
from tests.system.forwarder import TABLE, WORKLOAD, Rig, feed, identity, policy, rig

FEED = feed("web", "*.example.org")
WEB = identity("shop/web", [WORKLOAD], ["web"])
YEAR = 365 * 86_400
SHORT = 5.0
OLD, NEW = "198.51.100.1", "198.51.100.2"
REBOOTED = "import dnsguard.forwarder.statefile as s; s.this_boot = lambda: 'another start of the machine'"


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path) as made:
        made.make_sets(FEED)
        made.zone["old.example.org"] = [("A", OLD)]
        made.zone["new.example.org"] = [("A", NEW)]
        yield made


def set_clock(here: Rig, seconds: float) -> str:
    """From now on the forwarder's wall clock is that much ahead. Python that has it look there."""
    file = here.directory / "ahead"
    file.write_text(str(seconds))
    return f"import time, pathlib; real = time.time; time.time = lambda: real() + float(open({str(file)!r}).read())"


async def started(here: Rig, first: str) -> None:
    await here.start(first=first)
    await here.connected()
    await here.enforced(policy(FEED, identities=[WEB]))


def left(here: Rig, address: str) -> float:
    return here.elements("d4-web").get((WORKLOAD, address), 0.0)


@pytest.mark.parametrize("jump", [YEAR, -YEAR])
async def test_while_it_runs_the_wall_clock_says_nothing_about_leases(here: Rig, jump: int) -> None:
    clock = set_clock(here, 0)
    await started(here, clock)
    assert (await here.ask("old.example.org")).rr
    lasts = left(here, OLD)
    set_clock(here, jump)
    assert (await here.ask("old.example.org")).rr
    assert (await here.ask("new.example.org")).rr
    assert 0 < left(here, OLD) <= lasts
    assert left(here, NEW) <= lasts + 1
    await over_a_restart(here, clock, lasts)


async def over_a_restart(here: Rig, first: str, lasts: float) -> None:
    """What was learned is known again, and lasts no longer."""
    await here.until((here.directory / "state" / "policy.last-good").exists, "the last good policy is written")
    here.signal()
    assert await here.ended() == 0
    here.kernel.transact([nftables.flush_set(TABLE, "d4-web")])
    await here.start(first=first)
    await here.until(lambda: left(here, OLD) > 0, "what was learned is open")
    assert left(here, OLD) <= lasts


@pytest.mark.parametrize("jump", [YEAR, -YEAR])
async def test_set_while_it_is_away_the_clock_says_nothing_either(here: Rig, jump: int) -> None:
    clock = set_clock(here, 0)
    await started(here, clock)
    await here.ask("old.example.org")
    lasts = left(here, OLD)
    await here.until((here.directory / "state" / "policy.last-good").exists, "the last good policy is written")
    here.signal()
    assert await here.ended() == 0
    set_clock(here, jump)
    here.kernel.transact([nftables.flush_set(TABLE, "d4-web")])
    await here.start(first=clock)
    await here.until(lambda: left(here, OLD) > 0, "what was learned is open")
    assert left(here, OLD) <= lasts


@pytest.mark.parametrize(("off", "is_known"), [(5, True), (YEAR, False), (-3600, False)])
async def test_after_a_reboot_only_what_cannot_have_ended_is_open(here: Rig, off: int, is_known: bool) -> None:
    """Nothing is left in the kernel then, and the time that the machine was off counts. Where its clock says that it
    was started before it was stopped, that time is not known."""
    clock = set_clock(here, 0)
    await started(here, clock)
    await here.ask("old.example.org")
    lasts = left(here, OLD)
    await here.until((here.directory / "state" / "policy.last-good").exists, "the last good policy is written")
    here.signal()
    assert await here.ended() == 0
    here.drop_table()
    set_clock(here, off)
    await here.start(first=f"{clock}; {REBOOTED}")
    here.make_sets(FEED)
    await here.connected()
    await here.enforced(policy(FEED, identities=[WEB]))
    assert (left(here, OLD) > 0) == is_known
    assert left(here, OLD) <= lasts - off if is_known else f"{'is ignored' if off < 0 else '0 records'}" in here.log
    answer = await here.ask("old.example.org")
    assert (RCODE[answer.header.rcode], left(here, OLD) > 0) == ("NOERROR", True), "who asks has it again"


async def test_killed_after_a_jump_it_goes_on_with_what_the_kernel_has(here: Rig) -> None:
    clock = set_clock(here, 0)
    await started(here, clock)
    await here.ask("old.example.org")
    lasts = left(here, OLD)
    await here.until((here.directory / "state" / "policy.last-good").exists, "the last good policy is written")
    here.signal(signal.SIGKILL)
    await here.ended()
    set_clock(here, -YEAR)
    await started(here, clock)
    assert 0 < left(here, OLD) <= lasts


async def test_what_was_open_ends_by_itself_where_nobody_is_alive(here: Rig) -> None:
    """The kernel has a clock of its own, and nobody need tell it."""
    await started(here, "pass")
    await here.ask("old.example.org")
    await here.until((here.directory / "state" / "policy.last-good").exists, "the last good policy is written")
    here.signal()
    assert await here.ended() == 0
    learned = here.directory / "state" / "learned.jsonl"
    head, line = learned.read_text().splitlines()
    record = json.loads(line)
    record["addresses"] = {address: time.monotonic() + SHORT for address in record["addresses"]}
    learned.write_text(f"{head}\n{json.dumps(record)}\n")
    here.kernel.transact([nftables.flush_set(TABLE, "d4-web")])
    await here.start()
    await here.until(lambda: left(here, OLD) > 0, "what was learned is open")
    here.signal(signal.SIGKILL)
    await here.ended()
    assert left(here, OLD) <= SHORT
    await here.until(lambda: left(here, OLD) == 0, "its time is over")
