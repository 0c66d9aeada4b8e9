"""What led where when it was saved, does not now, and is talked to."""

from dnsguard.domains import wire_name
from dnsguard.leases import NODE, LeaseBook, Scope
from dnsguard.leases.lapsed import Lapsed, Saved, any_ended, lapsed
from tests.unit.leases.naive import client, packed

A, B, STRANGER = packed("10.0.0.1"), packed("10.0.0.2"), packed("10.0.0.9")
ONE, TWO = packed("192.0.2.1"), packed("192.0.2.2")
THEN, NOW = 100.0, 200.0
WWW, CDN, OTHER = map(wire_name, ("www.example.org", "cdn.example.net", "other.example"))


def saved(scope: Scope, name: bytes, addresses: dict[bytes, float], aliases: dict[bytes, float] | None = None) -> Saved:
    return scope, name, addresses, aliases or {}


def found(records: list[Saved], talks: dict[bytes, frozenset[bytes]]) -> set[Lapsed]:
    book = LeaseBook()
    book.replace_policy([], [client("ns/a", "10.0.0.1"), client("ns/b", "10.0.0.2")], THEN)
    return set(lapsed(records, talks, book.roster, THEN, NOW))


def test_only_where_somebody_talks_to() -> None:
    records = [saved("ns/a", WWW, {ONE: 150.0, TWO: 150.0})]
    assert found(records, {A: frozenset({ONE})}) == {Lapsed("ns/a", WWW, ONE)}
    assert found(records, {B: frozenset({ONE})}) == set()
    assert found(records, {}) == set()


def test_what_leads_there_still_is_left_alone() -> None:
    assert found([saved("ns/a", WWW, {ONE: 250.0})], {A: frozenset({ONE})}) == set()


def test_every_name_that_led_there_by_aliases() -> None:
    records = [
        saved("ns/a", WWW, {}, {CDN: 150.0}),
        saved("ns/a", CDN, {ONE: 250.0}),
        saved("ns/a", OTHER, {TWO: 150.0}),
    ]
    assert found(records, {A: frozenset({ONE})}) == {Lapsed("ns/a", WWW, ONE)}


def test_what_the_node_looked_up_is_opened_to_whoever_uses_it_alone() -> None:
    assert found([saved(NODE, WWW, {ONE: 150.0})], {B: frozenset({ONE})}) == {Lapsed("ns/b", WWW, ONE)}
    assert found([saved(NODE, WWW, {ONE: 150.0})], {STRANGER: frozenset({ONE})}) == set()


def test_a_client_that_is_no_endpoint() -> None:
    assert found([saved(STRANGER, WWW, {ONE: 150.0})], {STRANGER: frozenset({ONE})}) == {Lapsed(STRANGER, WWW, ONE)}


def test_whether_there_is_anything_to_look_for() -> None:
    assert any_ended([saved("ns/a", WWW, {ONE: 150.0})], NOW)
    assert any_ended([saved("ns/a", WWW, {}, {CDN: 150.0})], NOW)
    assert not any_ended([saved("ns/a", WWW, {ONE: 250.0})], NOW)
