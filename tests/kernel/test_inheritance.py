"""What a forwarder before us left is neither shortened nor overlooked, though we begin before we have listed it."""

import asyncio
from collections.abc import Iterator

import pytest

from dnsguard.dataplane import encode
from dnsguard.dataplane.sets import KeyType, LeaseSet
from dnsguard.forwarder.clients import Clients
from dnsguard.forwarder.committer import Committer
from dnsguard.forwarder.counters import ForwarderCounters
from dnsguard.forwarder.enforcing import Enforcing
from dnsguard.forwarder.inheritance import left_behind, standing
from dnsguard.forwarder.judge import QueryJudge
from dnsguard.leases import LeaseBook
from dnsguard.leases.changes import NOTHING, Place
from dnsguard.link.messages import Delta, Identity, LeaseSetFeed, Snapshot
from dnsguard.netlink import dumps, nftables
from dnsguard.netlink.nftables import Element
from dnsguard.netlink.socket import NetfilterSocket
from tests.support.netns import namespace
from tests.unit.leases.naive import answer

TABLE, SET = "t", "d4-a"
CLIENT, LONG, OTHER = bytes((10, 0, 0, 1)), bytes((192, 0, 2, 1)), bytes((192, 0, 2, 2))
FEED = LeaseSetFeed("a", SET, "d6-a", ("*.example.org",))
CART = Identity("shop/cart", ("10.0.0.1",), ("a",), ())


@pytest.fixture
def kernel() -> Iterator[NetfilterSocket]:
    """With a set that holds two leases of an hour, and the sign that it was not emptied."""
    with namespace() as place, place.entered(), NetfilterSocket() as made:
        made.transact([nftables.add_table(TABLE), encode.set_message(TABLE, LeaseSet(SET, KeyType.IPV4_PAIR))])
        keys = CLIENT + LONG, CLIENT + OTHER, bytes(8)
        made.transact(nftables.add_elements(TABLE, SET, [Element(key, 3_600_000) for key in keys]))
        yield made


def left(kernel: NetfilterSocket) -> dict[bytes, float]:
    """Address → seconds, of our client."""
    request = nftables.list_request(nftables.GET_ELEMENT, TABLE, SET)
    return {key[4:]: ms / 1000 for key, ms in kernel.dump(request, dumps.expiries) if key[:4] == CLIENT}


class Made:
    def __init__(self, kernel: NetfilterSocket) -> None:
        now = asyncio.get_running_loop().time
        counters, self.book = ForwarderCounters(), LeaseBook()
        self.committer = Committer(self.book, kernel, counters, deadline=0.25)
        judge = QueryJudge(Clients([], [], []), self.book, counters, now)
        self.enforcing = Enforcing(
            self.book, judge, self.committer, counters, kernel, kernel, lambda _: NOTHING, lambda: None
        )

    async def look_up(self, text: str) -> None:
        done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        now = asyncio.get_running_loop().time()
        self.committer.submit(self.book.learn("shop/cart", answer(text), now).changes, done.set_result)
        assert await done == ""


async def test_single_elements_are_asked_for_and_all_are_listed_but_for_the_sign(kernel: NetfilterSocket) -> None:
    places = [Place(SET, CLIENT, address) for address in (LONG, bytes((192, 0, 2, 9)), OTHER)]
    places.append(Place("d4-gone", CLIENT, LONG))
    found = standing(kernel, TABLE, places, 100.0)
    assert [each.place for each in found] == [places[0], places[2]]
    assert all(3_690 < each.expires <= 3_700 for each in found)
    assert standing(kernel, TABLE, [], 0.0) == []
    listed = [each.place async for part in left_behind(kernel, TABLE, ["d4-gone", SET]) for each in part]
    assert sorted(listed) == sorted(each.place for each in found)


async def test_a_look_up_before_all_is_listed_shortens_nothing(kernel: NetfilterSocket) -> None:
    made = Made(kernel)
    await made.enforcing.continue_from(Snapshot(1, TABLE, (FEED,), (CART,)))
    await made.look_up("www.example.org A 192.0.2.1 60")
    assert left(kernel)[LONG] > 3_500
    await made.look_up("new.example.org A 192.0.2.9 60")
    assert 60 < left(kernel)[bytes((192, 0, 2, 9))] < 200


async def test_what_nothing_accounts_for_stays_until_policy_changes_for_it(kernel: NetfilterSocket) -> None:
    made = Made(kernel)
    await made.enforcing.continue_from(Snapshot(1, TABLE, (FEED,), (CART,)))
    await made.look_up("www.example.org A 192.0.2.1 60")
    await made.enforcing.catch_up()
    await made.enforcing.adopt()
    assert set(left(kernel)) == {LONG, OTHER}
    narrower = LeaseSetFeed("a", SET, "d6-a", ("www.example.org",))
    said: asyncio.Queue[tuple[int, str]] = asyncio.Queue()
    running = asyncio.create_task(made.enforcing.run())
    made.enforcing.put(Delta(2, 1, (narrower,), (), (), ()), lambda *it: said.put_nowait(it))
    assert await said.get() == (2, "")
    assert left(kernel).keys() == {LONG}
    running.cancel()


async def test_of_an_epoch_that_is_over_nothing_stays(kernel: NetfilterSocket) -> None:
    made = Made(kernel)
    await made.enforcing.continue_from(Snapshot(1, TABLE, (FEED,), (CART,)))
    made.book.discard(asyncio.get_running_loop().time(), 7)
    await made.look_up("www.example.org A 192.0.2.1 60")
    await made.enforcing.catch_up()
    await made.enforcing.adopt()
    assert left(kernel).keys() == {LONG}
    assert left(kernel)[LONG] < 200
