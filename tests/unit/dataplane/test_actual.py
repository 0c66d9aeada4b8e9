from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from dnsguard.dataplane.actual import interval_content
from dnsguard.dataplane.encode import interval_elements
from dnsguard.dataplane.sets import KeyType
from dnsguard.netlink.nftables import DumpedElement


@st.composite
def disjoint(draw: st.DrawFn) -> tuple[tuple[int, int], ...]:
    """Ascending ranges of 16-bit numbers, neighbours that touch included, up to the last number of all."""
    cuts = sorted(draw(st.sets(st.integers(0, 0x10000), max_size=12)))
    ranges = [(low, high - 1) for low, high in pairwise(cuts)]
    return tuple(item for item in ranges if draw(st.booleans()))


@given(disjoint(), st.randoms())
def test_intervals_read_back_as_written(ranges: tuple[tuple[int, int], ...], order: Random) -> None:
    elements = [
        DumpedElement(item.key, None, None, None, item.interval_end) for item in interval_elements(KeyType.PORT, ranges)
    ]
    order.shuffle(elements)
    assert interval_content(elements, KeyType.PORT.length) == ranges
