"""Configuration that changes while the forwarder runs, and what a restart makes of it."""

import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from dnsguard.dns.upstream.health import FAILURES_TO_DOWN
from dnsguard.link.messages import DnsConfiguration, Snapshot
from tests.system.forwarder import WORKLOAD, Rig, feed, identity, policy, rig

FEED = feed("web", "*.example.org")
WEB = identity("shop/web", [WORKLOAD], ["web"])
OPEN = (WORKLOAD, "198.51.100.1")


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path) as made:
        made.make_sets(FEED)
        made.zone["www.example.org"] = [("A", "198.51.100.1")]
        await made.start()
        await made.connected()
        yield made


def configured(**said: object) -> Snapshot:
    return replace(policy(FEED, identities=[WEB]), configuration=DnsConfiguration(**said))  # type: ignore[arg-type]


async def test_an_epoch_discards_what_the_kernel_holds_and_a_restart_does_not_discard_again(here: Rig) -> None:
    await here.enforced(configured())
    await here.ask("www.example.org")
    assert OPEN in here.elements("d4-web")
    await here.enforced(configured(cache_epoch=7))
    assert here.elements("d4-web") == {}
    await here.ask("www.example.org")
    assert OPEN in here.elements("d4-web")
    for number in (signal.SIGTERM, signal.SIGKILL):
        here.signal(number)
        await here.ended()
        assert OPEN in here.elements("d4-web")
        await here.start()
        await here.connected()
        await here.enforced(configured(cache_epoch=7))
        assert OPEN in here.elements("d4-web")


@pytest.mark.parametrize("with_last_good", [True, False])
async def test_an_epoch_that_changed_while_nobody_was_there_discards(here: Rig, with_last_good: bool) -> None:
    await here.enforced(configured(cache_epoch=7))
    await here.ask("www.example.org")
    await here.until((here.directory / "state" / "policy.last-good").exists, "the last good policy is written")
    here.signal()
    await here.ended()
    if not with_last_good:
        (here.directory / "state" / "policy.last-good").unlink()
    await here.start()
    await here.connected()
    await here.enforced(configured(cache_epoch=8))
    assert here.elements("d4-web") == {}


async def test_extra_ttl_makes_leases_longer_from_then_on(here: Rig) -> None:
    await here.enforced(configured(extra_ttl=1000.0))
    await here.ask("www.example.org")
    assert here.elements("d4-web")[OPEN] > 1000


async def test_without_delay_answers_come_and_leases_follow(here: Rig) -> None:
    await here.enforced(configured(no_delay=True))
    assert (await here.ask("www.example.org")).rr
    await here.until(lambda: OPEN in here.elements("d4-web"), "the lease follows")
    metrics = here.http("/metrics")
    assert metrics is not None
    assert "dnsguard_forwarder_leases_after_total 1\n" in metrics[1]


async def test_after_a_commit_that_failed_it_is_ready_again_without_being_asked(here: Rig) -> None:
    await here.enforced(configured())
    here.drop_table()
    assert not (await here.ask("www.example.org")).rr
    assert here.http("/readyz") != (200, "ok\n")
    here.make_sets(FEED)
    await here.until(lambda: here.http("/readyz") == (200, "ok\n"), "it is ready again")
    assert OPEN in here.elements("d4-web"), "what was refused is written by then"


async def test_nobody_is_called_up_before_he_answered(here: Rig) -> None:
    await here.enforced(configured())

    def upstream() -> str:
        stats = here.link.forwarders[0].stats
        return "" if stats is None else next(iter(stats.upstreams.values()))

    await here.until(lambda: upstream().startswith("up, answers within "), "it says who answered, before a client asks")
    assert here.upstream.asked == []
    here.signal()
    await here.ended()
    here.upstream.script = lambda _asked: ()
    await here.start()
    await here.connected()
    await here.until(lambda: upstream().startswith("no answer yet: "), "it says that nobody answered")
    await here.until(lambda: upstream().startswith("down: no answer"), "it says that nobody will")


async def test_that_no_upstream_answers_is_told_to_the_controller_until_one_does(here: Rig) -> None:
    await here.enforced(configured())

    def problems() -> tuple[str, ...]:
        stats = here.link.forwarders[0].stats
        return () if stats is None else stats.problems

    here.upstream.script = lambda _asked: ()
    for _ in range(FAILURES_TO_DOWN):
        await here.ask("www.example.org")
    await here.until(lambda: any("is down: " in problem for problem in problems()), "it says that nobody answers")
    assert here.http("/readyz") != (200, "ok\n")
    here.upstream.script = here.answer
    await here.ask("www.example.org")
    await here.until(lambda: problems() == (), "nothing is wrong any more")
