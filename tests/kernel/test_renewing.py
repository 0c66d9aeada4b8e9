"""Leases last longer when they are to, on a kernel that renews what is added again and on one that does not."""

import asyncio
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from dnsguard.forwarder.committer import Committer
from dnsguard.forwarder.counters import ForwarderCounters
from dnsguard.leases import LeaseBook
from dnsguard.netlink import dumps, nftables
from dnsguard.netlink.probe import readding_updates_timeout
from dnsguard.netlink.socket import NetfilterSocket
from tests.support.netns import namespace
from tests.support.oldkernel import OldKernel
from tests.unit.leases.naive import answer, client, feed

TABLE, SET = "dnsguard-test", "a-4"
Kernel = NetfilterSocket | OldKernel
KERNELS: dict[str, Callable[[NetfilterSocket], Kernel]] = {
    "this one": lambda kernel: kernel,
    "one before 6.12": OldKernel,
    "one that leaves what has the same timeout": partial(OldKernel, only_same=True),
}


@pytest.fixture
def kernel() -> Iterator[NetfilterSocket]:
    with namespace() as node, node.entered(), NetfilterSocket() as made:
        pair = 7 << 6 | 7
        leases = nftables.add_set(TABLE, SET, key_type=pair, key_length=8, flags=nftables.SET_TIMEOUT)
        made.transact([nftables.add_table(TABLE), leases])
        yield made


@pytest.mark.parametrize("which", KERNELS)
async def test_a_lease_that_is_renewed_lasts_as_long_as_it_is_said_to(kernel: NetfilterSocket, which: str) -> None:
    old = KERNELS[which](kernel)
    renews = readding_updates_timeout(old)
    assert not renews or which == "this one"
    book = LeaseBook()
    book.replace_policy([feed("a", "*.example.org")], [client("ns/a", "10.0.0.1", "a")], 0)
    committer = Committer(book, old, ForwarderCounters(), deadline=5.0, renews=renews)
    committer.table = TABLE
    for ttl in 100, 1_000, 10_000:
        await opened(book, committer, f"www.example.org A 192.0.2.1 {ttl}")
        assert left(kernel) > ttl


async def opened(book: LeaseBook, committer: Committer, record: str) -> None:
    """Learn it, and return once the kernel has what comes of it."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[str] = loop.create_future()
    committer.submit(book.learn("ns/a", answer(record), loop.time()).changes, done.set_result)
    assert await done == ""


def left(kernel: NetfilterSocket) -> float:
    """Seconds of the one element."""
    request = nftables.list_request(nftables.GET_ELEMENT, TABLE, SET)
    (element,) = kernel.dump(request, lambda bodies: list(dumps.elements(bodies)))
    return (element.expires_ms or 0) / 1000


async def test_what_is_only_added_again_would_end_too_early_on_an_old_one(kernel: NetfilterSocket) -> None:
    """The twin: without the probe's answer the promise would be broken there."""
    book = LeaseBook()
    book.replace_policy([feed("a", "*.example.org")], [client("ns/a", "10.0.0.1", "a")], 0)
    committer = Committer(book, OldKernel(kernel), ForwarderCounters(), deadline=5.0, renews=True)
    committer.table = TABLE
    for ttl in 100, 1_000:
        await opened(book, committer, f"www.example.org A 192.0.2.1 {ttl}")
    assert left(kernel) < 1_000
