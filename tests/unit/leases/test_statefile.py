import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsguard.leases import NODE, LeaseBook, Limits, Scope
from dnsguard.leases.statefile import UnusableStateFile, header, load, scope_lines
from tests.unit.leases.naive import answer, client, feed, packed

WALL = 1_800_000_000.0


def saved(book: LeaseBook, now: float, wall: float) -> list[bytes]:
    return [header(book.epoch, wall)] + [
        line for scope in book.library.scopes() for line in scope_lines(book, scope, now, wall)
    ]


def edges(book: LeaseBook) -> dict[tuple[Scope, bytes, bytes], float]:
    found = {}
    for scope in book.library.scopes():
        graph = book.library.get(scope)
        assert graph is not None
        for owners in (graph.addresses, graph.aliases):
            found.update({(scope, o, to): round(e, 2) for o, tos in owners.items() for to, e in tos.items()})
    return found


@pytest.fixture
def book() -> LeaseBook:
    made = LeaseBook()
    chain = answer("www.example.org CNAME edge.example.net 300", "edge.example.net AAAA 2001:db8::1 600")
    made.learn("ns/one", chain, 1000)
    made.learn(NODE, answer("www.example.org A 192.0.2.1 30"), 1000)
    made.learn(packed("192.0.2.50"), answer("odd.example.org A 192.0.2.2 30"), 1000)
    return made


def test_the_epoch_is_saved_and_what_was_saved_without_one_is_of_the_first() -> None:
    book = LeaseBook()
    book.discard(0.0, 7)
    again = LeaseBook()
    load(again, saved(book, 0.0, WALL), 0.0, WALL)
    assert again.epoch == 7
    load(again, [b'{"format":"dnsguard learned 1","saved":1.0}'], 0.0, WALL)
    assert again.epoch == 0


def test_what_was_saved_is_loaded_and_time_in_between_counts(book: LeaseBook) -> None:
    lines = saved(book, 1010, WALL)
    later = LeaseBook()
    assert load(later, lines, 50, WALL + 20) == 4
    shifted = {edge: round(expires - 1010 + 50 - 20, 2) for edge, expires in edges(book).items()}
    assert edges(later) == shifted
    assert later.library.edges == 4
    much_later = LeaseBook()
    assert load(much_later, lines, 50, WALL + 300) == 2
    assert all(expires > 50 for expires in edges(much_later).values())


def test_what_was_loaded_serves_the_policy_that_comes(book: LeaseBook) -> None:
    later = LeaseBook()
    load(later, saved(book, 1010, WALL), 0, WALL)
    changes = later.replace_policy([feed("web", "*.example.org")], [client("ns/one", "10.0.0.1 fd00::1", "web")], 0)
    assert {element.place.address for element in changes.add} == {packed("2001:db8::1"), packed("192.0.2.1")}


def test_a_clock_that_was_set_back_makes_no_lease_longer_than_it_can_be(book: LeaseBook) -> None:
    later = LeaseBook()
    load(later, saved(book, 1010, WALL), 0, WALL - 10_000_000)
    assert max(edges(later).values()) == later.terms.longest


def test_what_does_not_fit_is_left_out(book: LeaseBook) -> None:
    later = LeaseBook(limits=Limits(edges_per_scope=1))
    assert load(later, saved(book, 1010, WALL), 0, WALL) == 3


def entry(**values: object) -> bytes:
    good = {"client": "", "name": "\x03www\x00", "addresses": {"c0000201": WALL + 60}, "aliases": {}}
    return json.dumps(good | values).encode()


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "empty"),
        ([b"{"], "line 1"),
        ([b"[]"], "line 1"),
        ([b'{"format":"dnsguard learned 2"}'], "line 1: the format is 'dnsguard learned 2'"),
        ([header(0, WALL), b"null"], "line 2"),
        ([b"[" * 100_000], "line 1"),
        ([header(0, WALL), b'{"a":' * 100_000], "line 2"),
        (
            [
                header(0, WALL),
                b'{"client":"","name":"\\u0000","addresses":{"0a000001":1' + b"0" * 400 + b'},"aliases":{}}',
            ],
            "line 2",
        ),
        ([header(0, WALL), entry(), entry(client="0a")], "line 3: '0a' is no address"),
        ([header(0, WALL), entry(endpoint="")], "line 2: '' is no endpoint"),
        ([header(0, WALL), entry(name="\x03WWW\x00")], "is no name"),
        ([header(0, WALL), entry(name="\x04www\x00")], "is no name"),
        ([header(0, WALL), entry(name="\x03www")], "is no name"),
        ([header(0, WALL), entry(aliases={"\x00\x00": WALL})], "is no name"),
        ([header(0, WALL), entry(addresses={"c00002": WALL})], "is no address"),
        ([header(0, WALL), entry(addresses={"c0000201": "soon"})], "'soon' is no time"),
        (
            [header(0, WALL), b'{"client":"","name":"\\u0000","addresses":{"c0000201":Infinity},"aliases":{}}'],
            "no time",
        ),
    ],
)
def test_a_file_with_a_fault_is_refused_whole(lines: list[bytes], said: str) -> None:
    book = LeaseBook()
    with pytest.raises(UnusableStateFile, match=said):
        load(book, lines, 0, WALL)
    assert book.library.edges == 0


@given(st.lists(st.binary(max_size=60), max_size=4))
def test_any_bytes_load_or_are_refused(lines: list[bytes]) -> None:
    for start in ([], [header(0, WALL)], [header(0, WALL), entry()]):
        try:
            load(LeaseBook(), [*start, *lines], 0, WALL)
        except UnusableStateFile:
            continue
