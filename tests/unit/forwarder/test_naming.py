"""The controller asks which names led where."""

import asyncio

import pytest

from dnsguard.dns.eligible import Eligible
from dnsguard.forwarder.counters import ForwarderCounters
from dnsguard.forwarder.naming import Naming
from dnsguard.forwarder.withheld import Withheld
from dnsguard.leases import LeaseBook, Scope, Terms
from dnsguard.link.messages import LeasesReply, NamesFound, NamesQuery, NamesReply, Visited, VisitedNames
from tests.unit.leases.naive import answer, packed

CLIENT = "10.0.0.2"


async def test_all_that_is_asked_is_answered_in_order() -> None:
    now = asyncio.get_running_loop().time()
    book, withheld, counters = LeaseBook(), Withheld(Eligible(set, None)), ForwarderCounters()
    book.learn(packed(CLIENT), answer("www.example.org A 192.0.2.1 300"), now)
    metadata = answer("metadata.example.org A 169.254.169.254 300")
    withheld.take(book.scope_of(packed(CLIENT)), metadata, Terms(), now, 0.0)
    replies: asyncio.Queue[NamesReply | NamesFound | LeasesReply] = asyncio.Queue()
    naming = Naming(book, book.scope_of, withheld, replies.put_nowait, counters)
    visited = [(CLIENT, "192.0.2.1"), (CLIENT, "192.0.2.9"), (CLIENT, "169.254.169.254"), ("10.0.0.3", "192.0.2.1")]
    naming.take(NamesQuery(7, tuple(Visited(*each) for each in visited)))
    naming.take(NamesQuery(8, (Visited("nobody", "192.0.2.1"), Visited(CLIENT, "192.0.2.1"))))
    names = [("www.example.org",), (), ("metadata.example.org",), ()]
    expected = tuple(VisitedNames(*each, said) for each, said in zip(visited, names, strict=True))
    assert await asyncio.wait_for(replies.get(), 10) == NamesReply(7, expected)
    assert await asyncio.wait_for(replies.get(), 10) == NamesReply(8, expected[:1])
    naming.take(NamesQuery(9, ()))
    assert await asyncio.wait_for(replies.get(), 10) == NamesReply(9, ())
    assert counters.names_asked == 6


async def test_a_mistake_of_ours_leaves_one_query_unanswered_and_no_other(caplog: pytest.LogCaptureFixture) -> None:
    book = LeaseBook()
    replies: asyncio.Queue[NamesReply | NamesFound | LeasesReply] = asyncio.Queue()
    faults = [IndexError("of ours"), None, IndexError("of ours")]

    def scope(client: bytes) -> Scope:
        if fault := faults.pop(0):
            raise fault
        return book.scope_of(client)

    naming = Naming(book, scope, Withheld(Eligible(set, None)), replies.put_nowait, ForwarderCounters())
    for number in 7, 8:
        naming.take(NamesQuery(number, (Visited(CLIENT, "192.0.2.1"),)))
    answered = VisitedNames(CLIENT, "192.0.2.1", ())
    assert await asyncio.wait_for(replies.get(), 10) == NamesReply(8, (answered,))
    naming.take(NamesQuery(9, (Visited(CLIENT, "192.0.2.1"),)))
    await asyncio.sleep(0)
    naming.take(NamesQuery(10, ()))
    assert await asyncio.wait_for(replies.get(), 10) == NamesReply(10, ())
    assert [record.message for record in caplog.records] == ["which names led where could not be said"] * 2
