"""What went wrong with leases in other people's programs, each as a test named after the report.

C: cilium/cilium, AGH: AdguardTeam/AdGuardHome, mitos: mitos-run/mitos. With ``--soak SECONDS`` they run as long as the
reports say it took.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest
from dnslib import DNSRecord

from tests.support import dnswire
from tests.support.fake_upstream import Asked, Script
from tests.system.forwarder import NEIGHBOUR, WORKLOAD, WORKLOAD6, Rig, feed, identity, policy, rig
from tests.system.gate import Gate, gate

FEED = feed("web", "*.example.org")
WEB = identity("shop/web", [WORKLOAD, WORKLOAD6], ["web"])
OTHER = identity("shop/other", [NEIGHBOUR], ["web"])

Here = tuple[Rig, Gate]


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Here]:
    """Two endpoints that may reach ``*.example.org`` and nothing else."""
    async with rig(tmp_path) as made:
        made.make_sets(FEED)
        async with gate(made) as door:
            await made.start()
            await made.connected()
            await made.enforced(policy(FEED, identities=[WEB, OTHER]))
            yield made, door


def answering(address: str, ttl: int) -> Script:
    """Whatever is asked, one address."""

    def answer(asked: Asked) -> Iterable[bytes]:
        yield dnswire.answer(asked.ident, asked.question, dnswire.address(address, ttl))

    return answer


def addresses(reply: DNSRecord) -> list[str]:
    return [str(each.rdata) for each in reply.rr]


async def test_cilium_9185_34344_connect_at_once(here: Here, soak: float) -> None:
    """The first packet after the answer was lost: the answer was out before the kernel knew."""
    made, door = here
    for number in range(int(max(500, soak * 100))):
        address = f"198.{18 + number // 65000 % 2}.{number // 250 % 250}.{number % 250 + 1}"
        made.zone = {f"n{number}.example.org": [("A", address)]}
        assert addresses(await made.ask(f"n{number}.example.org")) == [address]
        await door.reach(address)
    assert door.denied() == 0


async def test_cilium_28427_eight_random_addresses_of_two_thousand(here: Here, soak: float) -> None:
    """Names as those of S3 rotate faster than their leases end: whoever uses any address he was given gets through."""
    made, door = here
    dice = random.Random(28427)
    all_of_them = [f"198.18.{number // 250}.{number % 250 + 1}" for number in range(2000)]
    ttl = 5 if soak else 0

    def rotate(asked: Asked) -> Iterable[bytes]:
        chosen = dice.sample(all_of_them, 8)
        yield dnswire.answer(asked.ident, asked.question, *(dnswire.address(each, ttl) for each in chosen))

    made.upstream.script = rotate
    until = time.monotonic() + soak
    asked = 0
    while asked < 60 or time.monotonic() < until:
        asked += 1
        given = addresses(await made.ask("bucket.example.org"))
        assert len(given) == 8, made.log
        await door.reach(dice.choice(given))
        assert {(WORKLOAD, each) for each in given} <= made.elements("d4-web").keys()
        if soak:
            await asyncio.sleep(1 / 30)  # the report's rate
    assert door.denied() == 0


async def test_agh_6233_cached_answer_is_open_as_long_as_it_is_served(here: Here) -> None:
    """An answer from the cache opened nothing, for its address had been added when it came and had expired since."""
    made, door = here
    made.upstream.script = answering("198.18.0.1", ttl=3)
    before = 1
    while len(made.upstream.asked) < 2:
        reply = await made.ask("www.example.org")
        left = made.elements("d4-web")[WORKLOAD, "198.18.0.1"]
        assert left >= reply.rr[0].ttl + 29
        before = min(before, reply.rr[0].ttl)
    assert before <= 1, "it was served to its end"
    asked = len(made.upstream.asked)
    await made.ask("www.example.org", source=NEIGHBOUR)
    assert len(made.upstream.asked) == asked, "somebody else has it from the cache"
    await door.reach("198.18.0.1", NEIGHBOUR)
    assert door.denied() == 0


async def test_agh_6233_a_lease_that_ended_opens_again(here: Here) -> None:
    """The same where the element went before its time, as with a table that somebody made anew."""
    made, door = here
    made.zone["www.example.org"] = [("A", "198.18.0.1")]
    await made.ask("www.example.org")
    made.node.run("nft flush set inet dnsguard d4-web")
    made.link.publish(policy(FEED, identities=[WEB, OTHER]), reassert=True)
    await made.until(lambda: bool(made.elements("d4-web")), "what was learned is asserted anew")
    await door.reach("198.18.0.1")
    assert door.denied() == 0


async def test_cilium_one_look_up_opens_nothing_for_others(here: Here) -> None:
    """``pkg/fqdn/doc.go``: what one endpoint looked up was open for all that the same policy selects."""
    made, door = here
    made.zone["www.example.org"] = [("A", "198.18.0.1")]
    await made.ask("www.example.org")
    await door.reach("198.18.0.1")
    with pytest.raises(TimeoutError):
        await door.reach("198.18.0.1", NEIGHBOUR)
    assert door.denied() > 0


async def test_cilium_42880_overlapping_patterns_on_one_address(here: Here) -> None:
    """When one of two patterns, or one of two endpoints, went, the address went for those that still had a reason."""
    made, door = here
    made.zone["a.example.org"] = [("A", "198.18.0.1")]
    made.zone["b.example.org"] = [("A", "198.18.0.1")]
    wide, narrow = feed("web", "*.example.org", "a.example.org"), feed("web", "b.example.org")
    await made.enforced(policy(wide, identities=[WEB, OTHER]))
    for name in ("a.example.org", "b.example.org"):
        for client in (WORKLOAD, NEIGHBOUR):
            await made.ask(name, source=client)
    await made.enforced(policy(narrow, identities=[WEB, OTHER]))
    await door.reach("198.18.0.1", WORKLOAD)
    await made.enforced(policy(narrow, identities=[OTHER]))
    await door.reach("198.18.0.1", NEIGHBOUR)
    assert door.denied() == 0
    with pytest.raises(TimeoutError):
        await door.reach("198.18.0.1", WORKLOAD)


async def test_a_shorter_ttl_never_shortens_a_lease(here: Here) -> None:
    """A name of 10 minutes and one of no time at all lead to the same address; the second closed it for the first."""
    made, _ = here
    made.upstream.script = answering("198.18.0.1", ttl=600)
    await made.ask("slow.example.org")
    made.upstream.script = answering("198.18.0.1", ttl=0)
    await made.ask("quick.example.org")
    assert made.elements("d4-web")[WORKLOAD, "198.18.0.1"] >= 600
    made.upstream.script = answering("198.18.0.1", ttl=0)
    query = DNSRecord.question("slow.example.org")
    query.header.cd = 1  # so that it does not come from the cache
    asked = len(made.upstream.asked)
    await made.send(query)
    assert len(made.upstream.asked) == asked + 1
    assert made.elements("d4-web")[WORKLOAD, "198.18.0.1"] >= 600


METADATA = ["64:ff9b::a9fe:a9fe", "64:ff9b:1::a9fe:a9fe", "2002:a9fe:a9fe::1", "::ffff:a9fe:a9fe", "::a9fe:a9fe"]


@pytest.mark.parametrize("address", METADATA)
async def test_mitos_155_metadata_service_in_disguise(here: Here, address: str) -> None:
    """169.254.169.254 was refused, and the same as an IPv6 address was not."""
    made, _ = here
    made.upstream.script = lambda asked: [
        dnswire.answer(asked.ident, asked.question, dnswire.address(address), dnswire.address("2001:db8::1"))
    ]
    assert len((await made.ask("www.example.org", "AAAA")).rr) == 2
    assert made.elements("d6-web").keys() == {(WORKLOAD6, "2001:db8::1")}


async def test_cilium_47128_new_names_for_hours(tmp_path: Path, soak: float) -> None:
    """Memory grew with every name that was ever asked. ``tests/unit/leases/test_names_for_hours`` has twelve hours of
    it; here are leases as short as there are, and as much time as is given."""
    async with rig(tmp_path) as made:
        made.make_sets(FEED)
        await made.start("--lease-floor", "1")
        await made.connected()
        await made.enforced(policy(FEED, identities=[WEB]))
        made.upstream.script = answering("198.18.0.1", ttl=0)
        records: list[int] = []
        octets: list[int] = []
        until = time.monotonic() + soak
        while len(records) < 4 or time.monotonic() < until:
            for _ in range(500):
                asked = len(made.upstream.asked)
                assert addresses(await made.ask(f"n{asked}.example.org")), made.log
                await asyncio.sleep(1 / 200 if soak else 0)
            records.append(made.metric("forwarder_learned_records"))
            octets.append(made.resident)
        half = len(records) // 2
        assert max(records) <= len(made.upstream.asked)
        if soak >= 200:  # leases last 45 s, so by the half there is nothing new
            assert max(records[half:]) <= 1.1 * max(records[:half])
            assert max(octets[half:]) <= 1.1 * max(octets[:half])
