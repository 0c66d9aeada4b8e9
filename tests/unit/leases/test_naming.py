"""Which names led a client to an address, wanted by policy or not."""

from dnsguard.domains import wire_name as wire
from dnsguard.leases import NODE, LeaseBook, Scope
from dnsguard.leases.naming import MOST_NAMES, names_of
from tests.unit.leases.naive import answer, packed

CLIENT, OTHER = packed("10.0.0.2"), packed("10.0.0.3")
TO, BESIDE = packed("192.0.2.1"), packed("192.0.2.2")


def named(book: LeaseBook, address: bytes = TO, now: float = 1.0, scope: Scope = CLIENT) -> list[bytes]:
    found: dict[bytes, list[bytes]] = {}
    for _ in names_of(book.library, scope, [address], now, found):
        pass
    return found.get(address, [])


def test_aliases_come_after_the_name_that_was_asked() -> None:
    book = LeaseBook()
    book.learn(CLIENT, answer("www.example.org CNAME a.example.net 300", "a.example.net A 192.0.2.1 300"), 0)
    book.learn(CLIENT, answer("zzz.example.org A 192.0.2.1 300"), 0)
    book.learn(CLIENT, answer("beside.example.org A 192.0.2.2 300"), 0)
    assert named(book) == [wire(name) for name in ("www.example.org", "zzz.example.org", "a.example.net")]
    assert named(book, BESIDE) == [wire("beside.example.org")]
    assert named(book, packed("192.0.2.3")) == []


def test_the_nodes_names_count_for_everybody_and_others_do_not() -> None:
    book = LeaseBook()
    book.learn(NODE, answer("node.example.org A 192.0.2.1 300"), 0)
    book.learn(OTHER, answer("other.example.org A 192.0.2.1 300"), 0)
    assert named(book) == [wire("node.example.org")]
    assert named(book, scope=NODE) == [wire("node.example.org")]


def test_what_has_expired_leads_nowhere() -> None:
    book = LeaseBook()
    book.learn(CLIENT, answer("www.example.org A 192.0.2.1 300"), 0)
    assert named(book, now=1e6) == []


def test_of_very_many_there_are_some() -> None:
    book = LeaseBook()
    for number in range(MOST_NAMES * 3):
        book.learn(CLIENT, answer(f"n{number}.example.org A 192.0.2.1 300"), 0)
    assert len(named(book)) == MOST_NAMES
