"""A process that gets no more memory: it answers less, or ends and is started again; it never answers what is not open,
and what is in force stays."""

import asyncio
import contextlib
import resource
import signal
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import httpx
import pytest

from tests.support import dnswire
from tests.support.dnswire import address
from tests.support.fake_upstream import Asked
from tests.system.controller import controller_in
from tests.system.forwarder import WORKLOAD, Rig, feed, identity, policy, rig

FEED = feed("web", "*.example.org")
WEB = identity("shop/web", [WORKLOAD], ["web"])
MANY = 40
"""Addresses of each name."""

POLICIES = "/apis/projectcalico.org/v3/globalnetworkpolicies"


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path) as made:
        made.make_sets(FEED)
        made.upstream.script = forty
        yield made


def forty(asked: Asked) -> Iterable[bytes]:
    number = int(asked.name[2:8]) if asked.name[2:8].isdigit() else 0
    yield dnswire.answer(asked.ident, asked.question, *map(address, sorted(addresses(number))))


def limit(process: int, more: int | None) -> None:
    """From now on it gets so many more octets of address space; None: as many as it likes."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[0])
    most = resource.RLIM_INFINITY if more is None else pages * resource.getpagesize() + more
    resource.prlimit(process, resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))


async def test_every_answer_of_a_forwarder_that_starves_is_open(here: Rig) -> None:
    await here.start()
    await here.connected()
    await here.enforced(policy(FEED, identities=[WEB]))
    limit(here.pid, 1 << 20)
    answered = silence = 0
    while silence < 3:
        number = answered + silence + 1
        try:
            async with asyncio.timeout(1):
                reply = await here.exchange(query(number))
        except (TimeoutError, ConnectionError):
            silence += 1
            continue
        if reply[3] & 15 == 0:
            answered += 1
            if answered % 10 == 1:
                assert opened(here) >= addresses(number)
        else:
            silence += 1
    assert answered > 10
    if here.is_running:
        limit(here.pid, None)
    else:
        assert await here.ended() != 0
        await here.start()
    await here.connected()
    await here.enforced(policy(FEED, identities=[WEB]))
    reply = await here.exchange(query(5_000))
    assert reply[3] & 15 == 0, here.log
    assert opened(here) >= addresses(5_000)


def query(number: int) -> bytes:
    return dnswire.query(dnswire.question(f"n{number:06}.example.org"), number)


def addresses(number: int) -> set[str]:
    """What the name leads to."""
    return {f"198.{18 + (n >> 16)}.{n >> 8 & 255}.{n & 255}" for n in range(number * MANY, (number + 1) * MANY)}


def opened(here: Rig) -> set[str]:
    return {address for client, address in here.elements("d4-web") if client == WORKLOAD}


def test_a_controller_that_starves_leaves_the_rules_and_takes_them_up_again(tmp_path: Path) -> None:
    with controller_in(tmp_path) as made:
        process = made.pid
        limit(process, 1 << 20)
        stored = 0
        with contextlib.suppress(AssertionError, httpx.HTTPError):
            for number in range(3_000):
                rules = [{"action": "Allow", "destination": {"nets": [f"10.{number >> 8}.{number & 255}.0/24"]}}] * 20
                spec = {"selector": "all()", "types": ["Egress"], "egress": rules}
                made.create(POLICIES, "GlobalNetworkPolicy", f"p{number}", spec)
                stored += 1
        assert stored < 3_000
        assert 'counter name "unknown-workload-egress" drop' in made.rules()
        made.stop(signal.SIGKILL)
        made.start()
        made.until_in_sync()
        kept = {each["metadata"]["name"] for each in made.request("GET", POLICIES)["items"]}
        assert kept >= {f"p{number}" for number in range(stored)}, "what was said to be stored is"
