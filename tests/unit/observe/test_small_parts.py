"""Rings, shares, filters, histograms."""

import pytest

from dnsguard.domains import DomainPatternError
from dnsguard.observe.histogram import BUCKETS, Histogram
from dnsguard.observe.record import Record
from dnsguard.observe.ring import Ring
from dnsguard.observe.shares import LINE, OTHERS, Shares, Suppressed
from dnsguard.observe.wanted import Wanted
from tests.unit.observe.test_record import record


def test_a_full_ring_drops_the_oldest_and_counts() -> None:
    ring: Ring[int] = Ring(3)
    for number in range(5):
        ring.put(number)
    assert (len(ring), ring.lost, ring.newest(2), ring.newest(9)) == (3, 2, [3, 4], [2, 3, 4])
    assert (ring.take(2), ring.take(9), ring.take(9)) == ([2, 3], [4], [])


def test_a_client_has_so_many_lines_a_second_and_others_have_theirs() -> None:
    shares = Shares(lines=2)
    assert [shares.admits(b"a", 7.1), shares.admits(b"a", 7.5), shares.admits(b"a", 7.9)] == [True, True, False]
    assert shares.admits(b"b", 7.9)
    assert shares.admits(b"a", 8.0)
    assert (shares.suppressed, list(shares.over()), list(shares.over())) == (1, [Suppressed(b"a", 1)], [])


def test_a_client_has_so_many_bytes_a_second() -> None:
    shares = Shares(lines=10)
    for _ in range(2):
        assert shares.admits(b"a", 7.0)
        shares.spent(b"a", 6 * LINE)
    assert not shares.admits(b"a", 7.0)
    assert shares.admits(b"b", 7.0)
    assert shares.admits(b"a", 8.0)


def test_a_query_that_is_older_opens_no_second_anew() -> None:
    shares = Shares(lines=1)
    assert [shares.admits(b"a", when) for when in (8.0, 7.9, 8.1, 7.8)] == [True, False, False, False]


def test_forged_senders_share_what_is_left() -> None:
    shares = Shares(lines=2, clients=2)
    assert all(shares.admits(client, 7.0) for client in (b"a", b"b", b"c", b"d"))
    assert not shares.admits(b"e", 7.0)
    assert list(shares.over()) == [Suppressed(OTHERS, 1)]
    assert shares.admits(b"a", 7.0)


SIX = record(client="shop/db", client_address=b"\x20\x01" + bytes(14))


@pytest.mark.parametrize(
    ("wanted", "what", "shown"),
    [
        (("", "", False), record(), True),
        (("shop/web", "", False), record(), True),
        (("shop/web", "", False), SIX, False),
        (("10.0.0.2", "", False), record(), True),
        (("2001:0::", "", False), SIX, True),
        (("2001:0::", "", False), record(), False),
        (("", "*.example.org", False), record(), True),
        (("", "www.example.org", False), record(), True),
        (("", "example.org", False), record(), False),
        (("", "*.org", False), record(name=b"\x0bwww.example\3com\0"), False),
        (("", "", True), record(), False),
        (("", "", True), record(source="upstream", rcode=3), False),
        (("", "", True), record(source="policy"), True),
        (("", "", True), record(source="limit"), True),
        (("", "", True), record(source="error"), True),
        (("shop/web", "*.example.org", True), record(source="error"), True),
    ],
)
def test_filters(wanted: tuple[str, str, bool], what: Record, shown: bool) -> None:
    client, name, denied = wanted
    assert Wanted.of(client, name, denied=denied)(what) is shown


def test_a_filter_that_is_no_pattern_says_so() -> None:
    with pytest.raises(DomainPatternError):
        Wanted.of("", "*.*", denied=False)


def test_a_histogram_counts_each_value_in_the_first_bucket_that_holds_it() -> None:
    made = Histogram()
    for seconds in (0.0, BUCKETS[0], BUCKETS[0] + 1e-9, 99.0):
        made.observe(seconds)
    counts = dict(made.cumulative())
    assert (counts[BUCKETS[0]], counts[BUCKETS[1]], counts[BUCKETS[-1]], counts[float("inf")]) == (2, 3, 3, 4)
    assert made.count == 4
    assert made.total == pytest.approx(99 + 2 * BUCKETS[0])
