"""A union that is kept up to date equals one that is made anew."""

from ipaddress import ip_network

from hypothesis import given
from hypothesis import strategies as st

from dnsguard.calc import union
from dnsguard.calc.compiled import Network
from dnsguard.calc.networks import collapsed, keyed
from dnsguard.calc.union import NOTHING, NetworkUnion

NETWORKS: list[Network] = [
    *(
        ip_network(f"10.0.0.{number}/{length}")
        for length in (28, 29, 30, 31, 32)
        for number in range(0, 16, 2 ** (32 - length))
    ),
    *map(ip_network, ("0.0.0.0/0", "::/0", "::/1", "8000::/1", "fd00::1", "fd00::/127", "10.0.0.0/8")),
]
COLLECTIONS = st.sets(st.sampled_from(NETWORKS), max_size=10)
STEPS = st.lists(st.tuples(st.integers(0, 3), COLLECTIONS, st.booleans()), max_size=12)
"""Whose collection, what it is from here on, and whether somebody asks then."""


@given(STEPS, st.sampled_from([0, 3, 100]))
def test_it_equals_one_that_is_made_anew(steps: list[tuple[int, set[Network], bool]], few: int) -> None:
    kept = NetworkUnion()
    held: dict[int, set[Network]] = {}
    before, union.FEW = union.FEW, few
    try:
        for owner, networks, asked in [*steps, (0, set(), True)]:
            kept.replace(keyed(held.get(owner, set())), keyed(networks))
            held[owner] = networks
            if asked:
                assert kept.networks() == collapsed(network for each in held.values() for network in each)
                assert kept.networks() is kept.networks()
    finally:
        union.FEW = before
    for networks in held.values():
        kept.replace(keyed(networks), NOTHING)
    assert kept.networks() == ()
