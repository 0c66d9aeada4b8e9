"""Netlink sockets die in several ways, and the table may be refused: answers wait, others are served, and it heals."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from dnslib import RCODE, DNSRecord

from tests.system import surgery
from tests.system.forwarder import NEIGHBOUR, WORKLOAD, Rig, feed, identity, policy, rig

FEED = feed("web", "*.example.org")
WEB = identity("shop/web", [WORKLOAD], ["web"])
OTHER = identity("shop/other", [NEIGHBOUR], [])


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path) as made:
        made.make_sets(FEED)
        made.zone |= {f"n{number}.example.org": [("A", f"198.18.0.{number}")] for number in range(1, 250)}
        made.zone["www.example.net"] = [("A", "198.19.0.1")]
        yield made


async def started(here: Rig, first: str = "pass") -> None:
    await here.start(first=first)
    await here.connected()
    await here.enforced(policy(FEED, identities=[WEB, OTHER]))
    assert (await here.ask("n1.example.org")).rr


def outcome(reply: DNSRecord) -> str:
    return str(RCODE[reply.header.rcode])


async def healed(here: Rig, numbers: range) -> int:
    """Ask new names until one is answered; which. What was not answered is not open, what was is."""
    for number in numbers:
        reply = await here.ask(f"n{number}.example.org")
        is_open = (WORKLOAD, f"198.18.0.{number}") in here.elements("d4-web")
        assert is_open or not reply.rr
        if reply.rr:
            return number
        assert outcome(reply) == "SERVFAIL"
        await asyncio.sleep(0.05)
    raise AssertionError(f"not healed\n{here.log}")


@pytest.mark.parametrize("disease", surgery.DISEASES)
async def test_a_netlink_socket_that_dies_is_made_anew(here: Rig, disease: str) -> None:
    """Cilium's and Calico's agents have had sockets that nobody looked at again."""
    await started(here)
    for theirs in surgery.netfilter_sockets(here.pid):
        with theirs:
            surgery.DISEASES[disease](theirs)
    assert outcome(await here.ask("www.example.net")) == "NOERROR", "what opens nothing needs no kernel"
    await healed(here, range(2, 60))
    await here.until(lambda: here.http("/readyz") == (200, "ok\n"), "it is ready again")
    await here.until(
        lambda: all((WORKLOAD, f"198.18.0.{number}") in here.elements("d4-web") for number in (1, 2)),
        "what was refused is written without being asked for",
    )
    assert "Traceback" not in here.log


def problems_told(here: Rig) -> tuple[str, ...]:
    stats = here.link.forwarders[0].stats
    return () if stats is None else stats.problems


LOSE_CAPABILITIES = """import ctypes, signal
signal.signal(signal.SIGUSR1, lambda *_: ctypes.CDLL(None).capset((ctypes.c_uint32 * 2)(0x20080522, 0), bytes(24)))"""


async def test_without_the_right_to_write_nothing_is_answered_that_opens_something(here: Rig) -> None:
    """A process that lost CAP_NET_ADMIN says so, and serves what needs no lease."""
    await started(here, LOSE_CAPABILITIES)
    here.signal(signal.SIGUSR1)
    for number in range(2, 6):
        assert outcome(await here.ask(f"n{number}.example.org")) == "SERVFAIL"
        assert outcome(await here.ask(f"n{number}.example.org", source=NEIGHBOUR)) == "NOERROR"
    assert outcome(await here.ask("n1.example.org")) == "NOERROR", "what is open is still said"
    assert set(here.elements("d4-web")) == {(WORKLOAD, "198.18.0.1")}
    status, said = here.http("/readyz") or (0, "")
    assert status == 503
    assert "leases cannot be written" in said
    assert "Operation not permitted" in said
    await here.until(lambda: problems_told(here) == tuple(said.splitlines()), "whoever asks the controller sees it too")
