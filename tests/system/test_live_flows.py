"""An address stays leased while its client has a connection to it: the whole forwarder, over a restart."""

import contextlib
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.conntrack import Connections, entry
from tests.system.forwarder import WORKLOAD, WORKLOAD6, Rig, feed, identity, policy, rig

FEED = feed("web", "*.example.org")
WEB = identity("shop/web", [WORKLOAD, WORKLOAD6], ["web"])
USED, UNUSED, USED6 = "198.51.100.1", "198.51.100.2", "2001:db8::1"
SOON = 18.0
"""Seconds: every lease is near its end."""


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Rig]:
    """Leases that were learned by a forwarder before and end soon."""
    async with rig(tmp_path) as made:
        made.make_sets(FEED)
        made.zone["www.example.org"] = [("A", USED), ("A", UNUSED), ("AAAA", USED6)]
        await made.start()
        await made.connected()
        await made.enforced(policy(FEED, identities=[WEB]))
        await made.ask("www.example.org")
        await made.ask("www.example.org", "AAAA")
        await made.until((tmp_path / "state" / "policy.last-good").exists, "the last good policy is written")
        made.signal()
        assert await made.ended() == 0
        _let_them_end_soon(tmp_path / "state" / "learned.jsonl")
        made.drop_table()
        made.make_sets(FEED)
        yield made


def _let_them_end_soon(learned: Path) -> None:
    head, *lines = learned.read_text().splitlines()
    records = [json.loads(line) for line in lines]
    for record in records:
        record["addresses"] = dict.fromkeys(record["addresses"], time.monotonic() + SOON)
    learned.write_text("\n".join([head, *map(json.dumps, records)]) + "\n")


async def test_a_lease_does_not_end_under_a_connection(here: Rig) -> None:
    with contextlib.closing(Connections()) as connections:
        connections.add(entry(WORKLOAD, USED), entry(WORKLOAD6, USED6))
    await here.start()
    await here.until(lambda: here.elements("d4-web").get((WORKLOAD, USED), 0) > 2 * SOON, "it has more time")
    await here.until(lambda: here.elements("d6-web").get((WORKLOAD6, USED6), 0) > 2 * SOON, "IPv6, too")
    assert here.elements("d4-web")[WORKLOAD, UNUSED] < SOON
    found = here.http("/metrics")
    assert found is not None
    assert "dnsguard_forwarder_leases_prolonged_total 2\n" in found[1]


async def test_without_a_connection_nothing_has_more_time(here: Rig) -> None:
    await here.start()
    await here.until(lambda: "flow_looks_total 1\n" in (here.http("/metrics") or (0, ""))[1], "it looked for some")
    assert {left < SOON for left in here.elements("d4-web").values()} == {True}


async def test_what_ended_under_a_connection_while_nobody_looked_is_open_again_for_who_uses_it(here: Rig) -> None:
    _let_them_have_ended(here.directory / "state" / "learned.jsonl")
    with contextlib.closing(Connections()) as connections:
        connections.add(entry(WORKLOAD, USED), entry(WORKLOAD6, USED6), entry(WORKLOAD, "198.51.100.9"))
    await here.start()
    await here.until(lambda: (WORKLOAD, USED) in here.elements("d4-web"), "it is open")
    await here.until(lambda: (WORKLOAD6, USED6) in here.elements("d6-web"), "IPv6, too")
    assert here.elements("d4-web").keys() == {(WORKLOAD, USED)}


async def test_what_ended_stays_ended_where_nobody_has_a_connection(here: Rig) -> None:
    _let_them_have_ended(here.directory / "state" / "learned.jsonl")
    await here.start()
    await here.until(lambda: "learned.jsonl: 0 records" in here.log, "what was saved is loaded")
    assert here.elements("d4-web") == {}


def _let_them_have_ended(learned: Path) -> None:
    """A while ago, and they were saved before that."""
    head, *lines = map(json.loads, learned.read_text().splitlines())
    head["now"] = time.monotonic() - 600
    for record in lines:
        record["addresses"] = dict.fromkeys(record["addresses"], time.monotonic() - 5)
    learned.write_text("\n".join(map(json.dumps, [head, *lines])) + "\n")
