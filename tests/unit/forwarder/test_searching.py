"""Searches in what was learned, a little at a time."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from dnsguard.forwarder import searching
from dnsguard.forwarder.searching import search_leases, search_names
from dnsguard.leases import LeaseBook
from dnsguard.leases.search import STEP
from dnsguard.link.messages import (
    KnownAddress,
    KnownName,
    LearnedAlias,
    LeasesReply,
    LeasesSearch,
    NameClient,
    NamesFound,
    NamesSearch,
)
from tests.unit.leases.naive import answer, client, feed, packed

CART, WEB, STRANGER = "10.0.0.7", "10.0.0.8", "192.0.2.77"


def learned() -> LeaseBook:
    book = LeaseBook()
    clients = client("shop/cart", CART, "s:a"), client("shop/web", WEB)
    book.replace_policy([feed("s:a", "*.example.org")], clients, 0.0)
    edge = answer("www.example.org CNAME edge.example.net 300", "edge.example.net A 192.0.2.1 200")
    book.learn(book.scope_of(packed(CART)), edge, 0.0)
    book.learn(book.scope_of(packed(WEB)), answer("www.example.org A 192.0.2.2 500"), 0.0)
    book.learn(book.scope_of(packed(STRANGER)), answer("api.example.com A 192.0.2.3 600"), 0.0)
    return book


def told(steps: Iterator[None], replies: list[Any]) -> Any:
    for _ in steps:
        pass
    (reply,) = replies
    return reply


def names(book: LeaseBook, pattern: str = "", limit: int = 9, now: float = 0.0) -> NamesFound:
    replies: list[NamesFound] = []
    found = told(search_names(book, NamesSearch(7, pattern, limit), lambda: now, replies.append), replies)
    assert isinstance(found, NamesFound)
    return found


def leases(book: LeaseBook, asked: Mapping[str, str], limit: int = 9) -> LeasesReply:
    replies: list[LeasesReply] = []
    client, name, address, lease_set = (asked.get(key, "") for key in ("client", "name", "address", "lease_set"))
    search = LeasesSearch(7, client, name, address, lease_set, limit)
    found = told(search_leases(book, search, lambda: 0.0, replies.append), replies)
    assert isinstance(found, LeasesReply)
    return found


def test_names_with_who_knows_them_and_what() -> None:
    found = names(learned())
    assert [each.name for each in found.names] == ["api.example.com", "edge.example.net", "www.example.org"]
    assert (found.request, found.truncated) == (7, False)
    assert found.names[2] == KnownName(
        "www.example.org",
        (
            NameClient(
                "shop/cart",
                (LearnedAlias("www.example.org", "edge.example.net", 345.0),),
                (KnownAddress("192.0.2.1", 245.0),),
                ("s:a",),
            ),
            NameClient("shop/web", (), (KnownAddress("192.0.2.2", 545.0),), ()),
        ),
    )
    assert found.names[0].clients[0].client == STRANGER


def test_names_are_chosen_by_a_pattern_and_cut() -> None:
    assert [each.name for each in names(learned(), "*.example.org").names] == ["www.example.org"]
    cut = names(learned(), limit=1)
    assert (len(cut.names), cut.truncated) == (1, True)
    assert names(learned(), "nobody.example.org") == NamesFound(7, ())


def test_what_has_expired_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [each.name for each in names(learned(), now=400.0).names] == ["api.example.com", "www.example.org"]
    monkeypatch.setattr(searching, "MOST_CLIENTS", 1)
    (name,) = names(learned(), "www.example.org").names
    assert (len(name.clients), name.clients_left_out) == (1, 1)


@pytest.mark.parametrize(
    ("asked", "addresses"),
    [
        ({}, ["192.0.2.1", "192.0.2.2", "192.0.2.3"]),
        ({"client": CART}, ["192.0.2.1"]),
        ({"name": "*.example.org"}, ["192.0.2.1", "192.0.2.2"]),
        ({"name": "edge.example.net"}, ["192.0.2.1"]),
        ({"address": "192.0.2.2"}, ["192.0.2.2"]),
        ({"lease_set": "s:b"}, []),
        ({"client": CART, "address": "192.0.2.2"}, []),
    ],
)
def test_leases_are_chosen_by_all_that_is_asked_for(asked: dict[str, str], addresses: list[str]) -> None:
    found = leases(learned(), asked)
    assert sorted(each.address for each in found.leases) == addresses
    assert not found.truncated


def test_leases_are_cut() -> None:
    found = leases(learned(), {}, 2)
    assert (len(found.leases), found.truncated) == (2, True)


async def test_a_search_through_much_is_done_in_steps() -> None:
    book = LeaseBook()
    for number in range(STEP):
        book.learn(packed(CART), answer(f"n{number}.example.org A 192.0.2.1 300"), 0.0)
    replies: list[NamesFound] = []
    steps = search_names(book, NamesSearch(7, "nothing.example.org", 1), lambda: 0.0, replies.append)
    next(steps)
    assert replies == []
    await asyncio.sleep(0)
    assert told(steps, replies) == NamesFound(7, ())
