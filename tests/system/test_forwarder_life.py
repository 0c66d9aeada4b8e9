"""Starting, stopping, being killed: what was open stays open, what was learned is known again."""

import asyncio
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from dnslib import RCODE

from dnsguard.link import lastgood
from dnsguard.netlink import nftables
from tests.system.forwarder import LISTEN, TABLE, WORKLOAD, Rig, feed, identity, policy, rig

FEED = feed("web", "*.example.org")
WEB = identity("shop/web", [WORKLOAD], ["web"])


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path) as made:
        made.make_sets(FEED)
        made.zone["www.example.org"] = [("A", "198.51.100.1")]
        made.zone["new.example.org"] = [("A", "198.51.100.2")]
        made.zone["www.example.net"] = [("A", "198.51.100.3")]
        yield made


async def started(here: Rig) -> None:
    await here.start()
    await here.connected()
    await here.enforced(policy(FEED, identities=[WEB]))


async def last_good_written(here: Rig) -> None:
    await here.until((here.directory / "state" / "policy.last-good").exists, "the last good policy is written")


async def test_killed_it_starts_again_without_the_controller_and_leases_live_on(here: Rig) -> None:
    await started(here)
    await here.ask("www.example.org")
    await last_good_written(here)
    here.signal(signal.SIGKILL)
    assert await here.ended() == -signal.SIGKILL
    assert set(here.elements("d4-web")) == {(WORKLOAD, "198.51.100.1")}
    await here.link.close()
    await here.start()
    assert (await here.ask("new.example.org")).rr
    assert set(here.elements("d4-web")) == {(WORKLOAD, "198.51.100.1"), (WORKLOAD, "198.51.100.2")}
    assert here.http("/readyz") == (200, "ok\n")


async def test_stopped_it_knows_what_it_learned_and_asserts_it_anew(here: Rig) -> None:
    await started(here)
    await here.ask("www.example.org")
    await here.ask("www.example.net")
    await last_good_written(here)
    here.signal()
    assert await here.ended() == 0
    assert (here.directory / "state" / "learned.jsonl").stat().st_mode & 0o777 == 0o600
    here.kernel.transact([nftables.flush_set(TABLE, "d4-web")])
    await here.start()
    await here.until(lambda: set(here.elements("d4-web")) == {(WORKLOAD, "198.51.100.1")}, "what was learned is open")
    await here.connected()
    await here.enforced(policy(feed("web", "*.example.org", "www.example.net"), identities=[WEB]))
    assert set(here.elements("d4-web")) == {(WORKLOAD, "198.51.100.1"), (WORKLOAD, "198.51.100.3")}


async def test_what_a_killed_one_left_open_closes_when_policy_changes_and_not_before(here: Rig) -> None:
    await started(here)
    await here.ask("www.example.org")
    await last_good_written(here)
    here.signal(signal.SIGKILL)
    await here.ended()
    await here.start()
    await here.connected()
    await here.enforced(policy(FEED, identities=[WEB]))
    assert set(here.elements("d4-web")) == {(WORKLOAD, "198.51.100.1")}, "not saved, so nobody knows why: it stays"
    await here.enforced(policy(feed("web", "new.example.org"), identities=[WEB]))
    assert here.elements("d4-web") == {}


async def test_stopped_right_after_a_change_of_policy_it_leaves_the_new_one_to_the_next(here: Rig) -> None:
    await started(here)
    await last_good_written(here)
    here.make_sets(other := feed("other", "new.example.org"))
    await here.enforced(policy(other, identities=[identity("shop/web", [WORKLOAD], ["other"])]))
    here.signal()
    assert await here.ended() == 0
    saved = lastgood.load(here.directory / "state" / "policy.last-good")
    assert saved is not None
    assert [each.id for each in saved.lease_sets] == ["other"]


async def test_while_rules_of_an_earlier_run_are_in_force_nothing_that_they_may_look_into_goes(here: Rig) -> None:
    await started(here)
    await here.ask("www.example.org")
    here.make_sets(other := feed("other", "www.example.org"))
    wanted = policy(other, identities=[identity("shop/cart", [WORKLOAD], ["other"])])
    await here.enforced(replace(wanted, keeps=True))
    await here.ask("www.example.org")
    for kernel_set in "d4-web", "d4-other":
        assert set(here.elements(kernel_set)) == {(WORKLOAD, "198.51.100.1")}
    await here.enforced(wanted)
    assert here.elements("d4-web") == {}
    assert set(here.elements("d4-other")) == {(WORKLOAD, "198.51.100.1")}


async def test_the_element_that_shows_whether_others_emptied_the_set_is_not_its_to_remove(here: Rig) -> None:
    await started(here)
    await here.ask("www.example.org")
    await last_good_written(here)
    here.kernel.transact(nftables.add_elements(TABLE, "d4-web", [nftables.Element(bytes(8))]))
    here.signal(signal.SIGKILL)
    await here.ended()
    await here.start()
    await here.connected()
    await here.enforced(policy(feed("web", "new.example.org"), identities=[WEB]))
    assert set(here.elements("d4-web")) == {("0.0.0.0", "0.0.0.0")}


async def test_killed_it_knows_what_it_learned_some_seconds_before(here: Rig) -> None:
    """So a policy that changes then takes away only what it is to take away."""
    await started(here)
    await here.ask("www.example.org")
    await here.ask("new.example.org")
    await last_good_written(here)
    learned = here.directory / "state" / "learned.jsonl"
    await here.until(lambda: learned.exists() and "new" in learned.read_text(), "what was learned is written")
    here.signal(signal.SIGKILL)
    await here.ended()
    await here.start()
    await here.connected()
    await here.enforced(policy(feed("web", "new.example.org"), identities=[WEB]))
    assert set(here.elements("d4-web")) == {(WORKLOAD, "198.51.100.2")}


async def test_what_policy_lost_while_nobody_ran_is_closed(here: Rig) -> None:
    await started(here)
    await here.ask("www.example.org")
    await here.ask("new.example.org")
    await last_good_written(here)
    here.signal()
    assert await here.ended() == 0
    await here.start()
    await here.connected()
    await here.enforced(policy(feed("web", "new.example.org"), identities=[WEB]))
    assert set(here.elements("d4-web")) == {(WORKLOAD, "198.51.100.2")}


async def test_files_that_cannot_be_read_are_said_and_left(here: Rig) -> None:
    state = here.directory / "state"
    state.mkdir(mode=0o700)
    (state / "learned.jsonl").write_text(
        '{"format":"dnsguard learned 2","boot":"","now":0,"wall":0,"epoch":0}\n{"what":'
    )
    (state / "policy.last-good").write_text("torn")
    await started(here)
    assert "learned.jsonl is ignored, learning starts from nothing: line 2" in here.log
    assert "policy.last-good: is torn" in here.log
    assert (await here.ask("www.example.org")).rr


async def test_at_a_stop_what_was_asked_is_still_answered(here: Rig) -> None:
    await started(here)
    answer, held = here.upstream.script, asyncio.Event()

    def slowly(_: object) -> list[bytes]:
        held.set()
        return []

    here.upstream.script = slowly
    asking = asyncio.create_task(here.ask("www.example.org"))
    await held.wait()
    here.signal()
    await here.until(lambda: "stopping" in here.log, "it says that it stops")
    here.upstream.script = answer
    for packet in answer(here.upstream.asked[-1]):
        here.upstream.send(packet, here.upstream.asked[-1].peer)
    assert (await asking).rr
    assert await here.ended() == 0


async def test_a_full_set_holds_the_answer_back(here: Rig) -> None:
    small = feed("small", "*.example.org")
    here.kernel.transact(
        [
            nftables.add_set(TABLE, "d4-small", key_type=7 << 6 | 7, key_length=8, flags=nftables.SET_TIMEOUT, size=1),
            nftables.add_set(TABLE, "d6-small", key_type=8 << 6 | 8, key_length=32, flags=nftables.SET_TIMEOUT),
        ]
    )
    await here.start()
    await here.connected()
    await here.enforced(policy(small, identities=[identity("shop/web", [WORKLOAD], ["small"])]))
    assert (await here.ask("www.example.org")).rr
    refused = await here.ask("new.example.org")
    assert (RCODE[refused.header.rcode], refused.rr) == ("SERVFAIL", [])
    assert (await here.ask("www.example.org")).rr
    assert "an answer was held back" in here.log
    assert (await here.ask("www.example.net")).rr, "nothing to lease, nothing to hold back"


@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [
        (["--listen", "192.0.2.1"], 1, "listen: cannot listen on 192.0.2.1:53: Cannot assign requested address"),
        (["--health-listen", "192.0.2.1:80"], 1, "health_listen: cannot listen on 192.0.2.1:80"),
        (["--upstreams", f"{LISTEN}"], 2, "this forwarder itself"),
        (["--listen", "0.0.0.0", "--upstreams", "127.0.0.1"], 1, "is dnsguard itself"),
        (["--upstreams", ""], 2, "upstreams"),
        (["--state-dir", "/proc/nowhere"], 1, "/proc/nowhere"),
        (["--lease-floor", "soon"], 2, "--lease-floor"),
    ],
)
async def test_what_keeps_it_from_starting_is_one_line(here: Rig, flags: list[str], code: int, said: str) -> None:
    here.launch(*flags)
    assert await here.ended() == code, here.log
    assert said in here.log
    assert "Traceback" not in here.log
    assert len(here.log.splitlines()) == 1
