import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsguard.leases import NODE, LeaseBook, Limits, Scope
from dnsguard.leases.statefile import Clocks, UnusableStateFile, header, load, scope_lines
from tests.unit.leases.naive import answer, client, feed, packed

WALL = 1_800_000_000.0
YEAR = 365 * 86_400.0
THEN = Clocks("this boot", 1010.0, WALL)
HEAD = header(0, THEN)


def saved(book: LeaseBook, clocks: Clocks) -> list[bytes]:
    return [header(book.epoch, clocks)] + [
        line for scope in book.library.scopes() for line in scope_lines(book, scope, clocks.now)
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


def test_the_epoch_is_saved() -> None:
    book = LeaseBook()
    book.discard(0.0, 7)
    again = LeaseBook()
    load(again, saved(book, THEN), THEN)
    assert again.epoch == 7


def test_as_long_as_the_machine_runs_its_own_clock_counts(book: LeaseBook) -> None:
    """Whatever the wall clock is set to."""
    lines = saved(book, THEN)
    for wall in WALL + 20, WALL + YEAR, WALL - YEAR, 0.0:
        later = LeaseBook()
        assert load(later, lines, Clocks("this boot", 1030, wall)) == 4
        assert edges(later) == edges(book)
        assert later.library.edges == 4
        much_later = LeaseBook()
        assert load(much_later, lines, Clocks("this boot", 1310, wall)) == 2
        assert all(expires > 1310 for expires in edges(much_later).values())


@pytest.mark.parametrize("boot", ["another boot", ""])
def test_after_a_reboot_the_time_it_was_off_counts(book: LeaseBook, boot: str) -> None:
    lines = saved(book, THEN._replace(boot=boot and "this boot"))
    later = LeaseBook()
    assert load(later, lines, Clocks(boot, 50, WALL + 20)) == 4
    shifted = {edge: round(expires - 1010 + 50 - 20, 2) for edge, expires in edges(book).items()}
    assert edges(later) == shifted
    assert load(LeaseBook(), lines, Clocks(boot, 50, WALL + YEAR)) == 0


def test_after_a_reboot_with_a_clock_that_was_set_back_nothing_is_known(book: LeaseBook) -> None:
    """How long it was off cannot be said, so nothing that was open then is opened."""
    later = LeaseBook()
    with pytest.raises(UnusableStateFile, match="it was saved 3600 s from now"):
        load(later, saved(book, THEN), Clocks("another boot", 50, WALL - 3600))
    assert later.library.edges == 0


def test_what_was_loaded_serves_the_policy_that_comes(book: LeaseBook) -> None:
    later = LeaseBook()
    load(later, saved(book, THEN), Clocks("another boot", 0, WALL))
    changes = later.replace_policy([feed("web", "*.example.org")], [client("ns/one", "10.0.0.1 fd00::1", "web")], 0)
    assert {element.place.address for element in changes.add} == {packed("2001:db8::1"), packed("192.0.2.1")}


def test_no_lease_is_longer_than_one_can_be() -> None:
    later = LeaseBook()
    assert load(later, [HEAD, entry(addresses={"c0000201": THEN.now + YEAR})], THEN) == 1
    assert set(edges(later).values()) == {THEN.now + later.terms.longest}


def test_what_does_not_fit_is_left_out(book: LeaseBook) -> None:
    later = LeaseBook(limits=Limits(edges_per_scope=1))
    assert load(later, saved(book, THEN), THEN) == 3


def entry(**values: object) -> bytes:
    good = {"client": "", "name": "\x03www\x00", "addresses": {"c0000201": THEN.now + 60}, "aliases": {}}
    return json.dumps(good | values).encode()


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "empty"),
        ([b"{"], "line 1"),
        ([b"[]"], "line 1"),
        ([b'{"format":"dnsguard learned 1","saved":1.0}'], "line 1: the format is 'dnsguard learned 1'"),
        ([HEAD.replace(b"1010.0", b'"1010"')], "line 1: '1010' is no time"),
        ([HEAD.replace(b"1010.0", b"NaN")], "line 1: nan is no time"),
        ([HEAD.replace(b'"boot"', b'"foot"')], "line 1: 'boot'"),
        ([HEAD, b"null"], "line 2"),
        ([b"[" * 100_000], "line 1"),
        ([HEAD, b'{"a":' * 100_000], "line 2"),
        (
            [
                HEAD,
                b'{"client":"","name":"\\u0000","addresses":{"0a000001":1' + b"0" * 400 + b'},"aliases":{}}',
            ],
            "line 2",
        ),
        ([HEAD, entry(), entry(client="0a")], "line 3: '0a' is no address"),
        ([HEAD, entry(endpoint="")], "line 2: '' is no endpoint"),
        ([HEAD, entry(name="\x03WWW\x00")], "is no name"),
        ([HEAD, entry(name="\x04www\x00")], "is no name"),
        ([HEAD, entry(name="\x03www")], "is no name"),
        ([HEAD, entry(aliases={"\x00\x00": WALL})], "is no name"),
        ([HEAD, entry(addresses={"c00002": WALL})], "is no address"),
        ([HEAD, entry(addresses={"c0000201": "soon"})], "'soon' is no time"),
        (
            [HEAD, b'{"client":"","name":"\\u0000","addresses":{"c0000201":Infinity},"aliases":{}}'],
            "no time",
        ),
    ],
)
def test_a_file_with_a_fault_is_refused_whole(lines: list[bytes], said: str) -> None:
    book = LeaseBook()
    with pytest.raises(UnusableStateFile, match=said):
        load(book, lines, THEN)
    assert book.library.edges == 0


@given(st.lists(st.binary(max_size=60), max_size=4))
def test_any_bytes_load_or_are_refused(lines: list[bytes]) -> None:
    for start in ([], [HEAD], [HEAD, entry()]):
        try:
            load(LeaseBook(), [*start, *lines], THEN)
        except UnusableStateFile:
            continue
