"""A lease does not end while its client talks to the address, and a connection is no reason for anything else."""

import pytest

from dnsguard.leases import NODE, OUTSIDERS, LeaseBook, Limits, Terms
from dnsguard.leases.prolonging import STEP, Pair
from dnsguard.leases.statefile import Clocks, header, load, scope_lines
from tests.unit.leases.naive import Kernel, answer, client, feed, packed

ONE, ONE6, TWO, STRANGER = packed("10.0.0.1"), packed("fd00::1"), packed("10.0.0.2"), packed("10.9.9.9")
TO, OTHER, TO6 = packed("192.0.2.1"), packed("192.0.2.2"), packed("2001:db8::1")
WWW = answer("www.example.org A 192.0.2.1 5")
CLIENTS = [
    client("ns/one", "10.0.0.1 fd00::1", "web"),
    client("ns/two", "10.0.0.2", "web"),
    client(OUTSIDERS, "", "web"),
]


class Bench:
    def __init__(self, limits: Limits | None = None) -> None:
        self.book, self.kernel = LeaseBook(Terms(), limits), Kernel()
        self.kernel.take(self.book, self.book.replace_policy([feed("web", "*.example.org")], CLIENTS, 0), 0)

    def learn(self, scope: str | bytes, *records: str, now: float = 0) -> None:
        self.kernel.take(self.book, self.book.learn(scope, answer(*records), now).changes, now)

    def prolong(self, *pairs: tuple[bytes, bytes], now: float, until: float = 1000.0) -> None:
        for changes in self.book.prolong([Pair(*pair) for pair in pairs], until, now):
            self.kernel.take(self.book, changes, now)

    def ending(self, before: float, now: float) -> set[tuple[bytes, bytes]]:
        return {pair for step in self.book.ending(before, now) for pair in step}

    def live(self, now: float) -> dict[tuple[bytes, bytes], float]:
        """(client, address) → until."""
        return {place[1:]: expires for place, expires in self.kernel.live(now).items()}


def test_what_ends_is_what_the_kernel_holds_until_then() -> None:
    bench = Bench()
    bench.learn("ns/one", "www.example.org A 192.0.2.1 5")
    bench.learn("ns/one", "long.example.org A 192.0.2.2 3600")
    bench.learn("ns/one", "www.example.net A 192.0.2.3 5")
    assert bench.ending(75, now=0) == set()
    assert bench.ending(76, now=0) == {(ONE, TO)}
    assert bench.ending(4000, now=0) == {(ONE, TO), (ONE, OTHER)}
    assert bench.ending(76, now=75) == set(), "what has ended does not end"


def test_a_connection_keeps_its_own_lease_and_no_other() -> None:
    bench = Bench()
    bench.learn("ns/one", "www.example.org A 192.0.2.1 5", "www.example.org A 192.0.2.2 5")
    bench.learn("ns/two", "www.example.org A 192.0.2.1 5")
    bench.prolong((ONE, TO), now=60)
    assert bench.live(61) == {(ONE, TO): 1000.0, (ONE, OTHER): 75.0, (TWO, TO): 75.0}
    bench.book.expire(100)
    assert bench.live(100) == {(ONE, TO): 1000.0}


@pytest.mark.parametrize("talks_to", [OTHER, TO6])
def test_a_connection_opens_nothing(talks_to: bytes) -> None:
    bench = Bench()
    bench.learn("ns/one", "www.example.org A 192.0.2.1 5")
    bench.learn("ns/one", "www.example.net A 192.0.2.2 5")
    bench.prolong((ONE, talks_to), (TWO, TO), now=60)
    assert bench.live(60) == {(ONE, TO): 75.0}


def test_what_has_ended_stays_ended() -> None:
    bench = Bench()
    bench.learn("ns/one", "www.example.org A 192.0.2.1 5")
    bench.prolong((ONE, TO), now=75)
    assert bench.live(75) == {}


def test_a_name_that_policy_wants_no_more_is_not_kept() -> None:
    bench = Bench()
    bench.learn("ns/one", "www.example.org A 192.0.2.1 5")
    gone = bench.book.apply_delta([feed("web", "*.example.net")], [], [], [], 30)
    bench.prolong((ONE, TO), now=40)
    bench.kernel.take(bench.book, gone, 41)
    assert bench.live(41) == {}
    bench.kernel.take(bench.book, bench.book.apply_delta([feed("web", "*.example.org")], [], [], [], 50), 50)
    assert bench.live(50) == {(ONE, TO): 75.0}, "and had no more time for the connection"


def test_a_policy_that_changes_afterwards_takes_what_was_kept_too() -> None:
    bench = Bench()
    bench.learn("ns/one", "www.example.org A 192.0.2.1 5")
    bench.prolong((ONE, TO), now=60)
    bench.kernel.take(bench.book, bench.book.apply_delta([feed("web")], [], [], [], 100), 100)
    assert bench.live(100) == {}


def test_an_alias_that_ends_takes_the_others_behind_it_along() -> None:
    bench = Bench()
    bench.learn(
        "ns/one", "www.example.org CNAME edge.example.net 5", "edge.example.net A 192.0.2.1 3600",
        "edge.example.net A 192.0.2.2 3600",
    )  # fmt: skip
    bench.prolong((ONE, TO), now=60)
    assert bench.live(80) == {(ONE, TO): 1000.0}


def test_what_the_node_looked_up_stays_open_to_who_uses_it() -> None:
    bench = Bench()
    bench.learn(NODE, "www.example.org CNAME edge.example.net 5", "edge.example.net A 192.0.2.1 5")
    assert bench.live(0) == {(ONE, TO): 75.0, (TWO, TO): 75.0}
    bench.prolong((ONE, TO), now=60)
    assert bench.live(80) == {(ONE, TO): 1000.0}


def test_an_endpoint_has_its_lease_for_all_its_addresses() -> None:
    bench = Bench()
    two = client("ns/two", "10.0.0.2 10.0.0.3", "web")
    bench.kernel.take(bench.book, bench.book.apply_delta([], [], [two], [], 0), 0)
    bench.learn("ns/two", "www.example.org A 192.0.2.1 5")
    bench.prolong((packed("10.0.0.3"), TO), now=60)
    assert bench.live(80) == {(TWO, TO): 1000.0, (packed("10.0.0.3"), TO): 1000.0}


def test_each_family_has_its_own() -> None:
    bench = Bench()
    bench.learn("ns/one", "www.example.org A 192.0.2.1 5", "www.example.org AAAA 2001:db8::1 5")
    bench.prolong((ONE6, TO6), now=60)
    assert bench.live(80) == {(ONE6, TO6): 1000.0}


def test_an_address_that_may_be_leased_no_more_is_not_kept() -> None:
    """The node has got it itself, say."""
    bench = Bench()
    bench.learn("ns/one", "www.example.org A 192.0.2.1 5")
    bench.book.eligible = lambda address: address != TO
    bench.prolong((ONE, TO), now=60)
    assert bench.live(60) == {(ONE, TO): 75.0}


def test_a_client_that_is_no_endpoint_keeps_what_it_looked_up() -> None:
    bench = Bench()
    bench.learn(STRANGER, "www.example.org A 192.0.2.1 5")
    bench.prolong((STRANGER, TO), now=60)
    assert bench.live(80) == {(STRANGER, TO): 1000.0}


def test_without_room_a_lease_ends_as_it_would_have() -> None:
    bench = Bench(Limits(edges_per_scope=2))
    bench.learn("ns/one", "www.example.org CNAME edge.example.net 5", "edge.example.net A 192.0.2.1 5")
    bench.prolong((ONE, TO), now=60)
    assert bench.live(60) == {(ONE, TO): 75.0}


def test_a_lease_that_needs_no_new_record_is_kept_without_room() -> None:
    bench = Bench(Limits(edges_per_scope=1))
    bench.learn("ns/one", "www.example.org A 192.0.2.1 5")
    bench.prolong((ONE, TO), now=60)
    assert bench.live(80) == {(ONE, TO): 1000.0}


def test_what_was_kept_is_saved_like_the_rest() -> None:
    bench = Bench()
    bench.learn("ns/one", "www.example.org A 192.0.2.1 5")
    bench.prolong((ONE, TO), now=60)
    saved = [header(0, Clocks("a", 60, 1_000_060.0)), *scope_lines(bench.book, "ns/one", 60)]
    after = Bench()
    assert load(after.book, saved, Clocks("b", 10, 1_000_080.0)) == 1
    after.kernel.take(after.book, after.book.reconcile_part(after.book.places(), 10), 10)
    assert after.live(10) == {(ONE, TO): 930.0}


def test_much_is_looked_at_in_small_steps() -> None:
    bench = Bench()
    for number in range(3 * STEP):
        bench.learn("ns/one", f"n{number}.example.org A 192.0.{number >> 8}.{number & 255} 5")
    bench.learn("ns/two", "www.example.org A 192.0.2.1 5")
    assert len(list(bench.book.ending(100, 0))) == 2
    steps = bench.book.prolong([Pair(ONE, TO)], 1000.0, 60)
    assert len(list(steps)) > 3
