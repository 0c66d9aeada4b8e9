"""What a record says of policy and leases, by what the book holds when it is made."""

from ipaddress import ip_network

import pytest

from dnsguard.dns.client import Client
from dnsguard.dns.hooks import Handled
from dnsguard.dns.message import Address, Alias, Answer
from dnsguard.domains import DomainPattern, wire_name
from dnsguard.forwarder.clients import Clients
from dnsguard.forwarder.describing import Describing
from dnsguard.leases import NODE, Feed, LeaseBook, LocalClient
from dnsguard.observe.record import Leased, Match, Record, Withheld
from tests.unit.dns.messages import query

NOW = 1000.0
WEB, WEB6, OTHER, STRANGER = b"\x0a\0\0\2", b"\x20\x01" + bytes(14), b"\x0a\0\0\3", b"\x0b\0\0\1"
WWW, CDN = wire_name("www.example.org"), wire_name("cdn.example.net")
ONE, TWO = b"\xc0\0\2\1", b"\xc0\0\2\2"
LOOPBACK = b"\x7f\0\0\x09"
PLAIN = Answer(WWW, 1, 0, (Address(ONE, 300, (WWW,), False), Address(TWO, 10, (WWW,), False)), ())
CHAIN = Answer(WWW, 1, 0, (Address(ONE, 300, (WWW, CDN), False),), (Alias(WWW, CDN, 300),))


def feed(name: str, *patterns: str) -> Feed:
    return Feed(name, f"{name}4", f"{name}6", frozenset(map(DomainPattern.parse, patterns)))


def bench(*feeds: Feed, uses: tuple[str, ...] = ("web",)) -> tuple[LeaseBook, Describing]:
    book = LeaseBook()
    clients = [LocalClient("shop/web", (WEB, WEB6), frozenset(uses)), LocalClient("shop/other", (OTHER,), frozenset())]
    book.replace_policy(feeds or [feed("web", "*.example.org")], clients, NOW)
    known = Clients((), [ip_network("10.0.0.0/8")], ())
    return book, Describing(
        book, known, lambda address: NODE if address == b"\x7f\0\0\1" else book.scope_of(address),
        lambda address: "loopback" if address == LOOPBACK else None,
    )  # fmt: skip


def handled(answer: Answer | None = PLAIN, client: bytes = WEB) -> Handled:
    asker = Client(client, b"\x0a\0\0\1", "udp")
    return Handled(asker, query("www.example.org"), NOW - 1, 0, "upstream", None, "", "192.0.2.53:53", answer, 0.5, 0.1)


def learn(book: LeaseBook, answer: Answer, client: bytes = WEB) -> None:
    scope = NODE if client == b"\x7f\0\0\1" else book.scope_of(client)
    book.acknowledged(book.learn(scope, answer, NOW).changes)


def made(describing: Describing, of: Handled, now: float = NOW) -> Record:
    return describing(of, 0.7, 1_700_000_000.0, now)


def test_who_asked_and_what_was_answered() -> None:
    _, describing = bench()
    record = made(describing, handled())
    assert (record.client, record.client_address) == ("shop/web", WEB)
    assert (record.time, record.total, record.asked, record.held) == (1_700_000_999.0, 0.7, 0.5, 0.1)
    assert (record.addresses, record.server) == (PLAIN.addresses, "192.0.2.53:53")


@pytest.mark.parametrize(
    ("client", "called"),
    [(WEB6, "shop/web"), (b"\x0a\0\0\x09", "unknown workload"), (STRANGER, "stranger"), (b"\x7f\0\0\1", "node")],
)
def test_what_a_client_is_called(client: bytes, called: str) -> None:
    assert made(bench()[1], handled(client=client)).client == called


def test_what_was_leased_lasts_as_long_as_its_first_address() -> None:
    book, describing = bench()
    learn(book, PLAIN)
    record = made(describing, handled())
    assert record.matches == [Match("web", ("*.example.org",))]
    first = book.held.of("web4", WEB)[TWO] - NOW
    assert record.leased == [Leased("web", first)]
    assert made(describing, handled(), NOW + first).leased[0].seconds > 0
    assert made(describing, handled(), NOW + 10_000).leased == []


def test_what_the_kernel_has_not_acknowledged_is_not_leased() -> None:
    book, describing = bench()
    book.learn("shop/web", PLAIN, NOW)
    assert made(describing, handled()).leased == []


def test_names_on_the_chain_count_and_each_set_has_its_patterns_and_policies() -> None:
    book, describing = bench(
        feed("web", "*.example.org", "www.example.org"), feed("cdn", "*.net", "*.org"), feed("not", "*.org"),
        uses=("web", "cdn"),
    )  # fmt: skip
    describing.policies = {"cdn": ("NetworkPolicy/shop/cdn",)}
    learn(book, CHAIN)
    record = made(describing, handled(CHAIN))
    assert record.matches == [
        Match("cdn", ("*.org", "*.net"), ("NetworkPolicy/shop/cdn",)),
        Match("web", ("www.example.org", "*.example.org")),
    ]
    assert [each.lease_set for each in record.leased] == ["cdn", "web"]


def test_a_client_without_such_a_policy_matches_and_opens_nothing() -> None:
    book, describing = bench()
    learn(book, PLAIN, OTHER)
    record = made(describing, handled(client=OTHER))
    assert (record.matches, record.leased) == ((), ())


def test_a_node_wide_look_up_opens_for_the_endpoints() -> None:
    book, describing = bench()
    learn(book, PLAIN, b"\x7f\0\0\1")
    record = made(describing, handled(client=b"\x7f\0\0\1"))
    assert [each.lease_set for each in record.leased] == ["web"]
    assert record.node_wide
    learn(book, PLAIN)
    assert not made(describing, handled()).node_wide


def test_what_no_name_may_open_is_told_where_policy_would_have_the_name_open_it() -> None:
    _, describing = bench()
    answer = Answer(WWW, 1, 0, (Address(LOOPBACK, 300, (WWW,), False), Address(ONE, 300, (WWW,), False)), ())
    assert made(describing, handled(answer)).withheld == [Withheld(LOOPBACK, "loopback")]
    assert made(describing, handled()).withheld == []
    assert made(describing, handled(answer, OTHER)).withheld == ()


def test_patterns_that_changed_are_not_remembered() -> None:
    book, describing = bench()
    assert made(describing, handled()).matches == [Match("web", ("*.example.org",))]
    book.apply_delta([feed("web", "www.example.org")], (), (), (), NOW)
    assert made(describing, handled()).matches == [Match("web", ("www.example.org",))]


def test_a_refusal_says_what_the_name_matches_without_an_answer() -> None:
    record = made(bench()[1], handled(None))
    assert (record.addresses, record.leased, record.matches) == ((), (), [Match("web", ("*.example.org",))])
