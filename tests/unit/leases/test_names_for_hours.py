"""Hours of names that nobody asks for twice: what is kept is what still counts (cilium/cilium#47128)."""

from dnsguard.leases import LeaseBook
from dnsguard.leases.wheel import WIDTH
from tests.unit.leases.naive import Kernel, answer, client, feed

NAMES_AN_HOUR = 10_000
LIFE = 300 + 30 + 15
"""Seconds that a lease for a TTL of 300 lasts at most."""


def test_many_hours_of_ten_thousand_new_names_are_as_the_first(soak: float) -> None:
    hours = 12 if soak else 3
    book, kernel = LeaseBook(), Kernel()
    kernel.take(book, book.replace_policy([feed("web", "*.example.org")], [client("ns/one", "10.0.0.1", "web")], 0), 0)
    records, elements = [], []
    for number in range(hours * NAMES_AN_HOUR):
        now = number * 3600 / NAMES_AN_HOUR
        alias = f"n{number}.example.org CNAME c{number}.example.net 300"
        learned = book.learn(
            "ns/one", answer(alias, f"c{number}.example.net A 10.0.{number % 8192 >> 8}.{number % 256} 300"), now
        )
        book.acknowledged(learned.changes)
        if number % 100 == 0:
            book.expire(now)
        if now % 3600 == 0:
            records.append(book.library.edges)
            elements.append(book.held.count)
    at_once = NAMES_AN_HOUR * LIFE / 3600
    assert max(records) <= 2.5 * at_once, "an alias and an address of each"
    assert max(elements) <= 1.25 * at_once
    assert max(records[2:]) <= 1.1 * records[1]
    book.expire(now + LIFE + WIDTH)
    assert (book.library.edges, book.held.count, list(book.library.scopes())) == (0, 0, [])
