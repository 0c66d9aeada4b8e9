"""Networks as few as can be."""

from ipaddress import IPv4Address, IPv4Network, IPv6Network, collapse_addresses

from hypothesis import given
from hypothesis import strategies as st

from dnsguard.calc.compiled import Network
from dnsguard.calc.networks import collapsed, contains

NETS4 = st.tuples(st.integers(0, 255), st.integers(22, 32)).map(
    lambda parts: IPv4Network((0xC0000200 + parts[0], parts[1]), strict=False)
)
NETS6 = st.tuples(st.integers(0, 31), st.sampled_from([0, 1, 124, 127, 128])).map(
    lambda parts: IPv6Network((parts[0], parts[1]), strict=False)
)


@given(st.lists(NETS4), st.lists(NETS6))
def test_it_equals_the_library(nets4: list[IPv4Network], nets6: list[IPv6Network]) -> None:
    wanted: tuple[Network, ...] = (*collapse_addresses(nets4), *collapse_addresses(nets6))
    assert collapsed([*nets6, *nets4]) == wanted
    assert collapsed(wanted) == wanted


@given(st.lists(NETS4), st.lists(NETS6), st.integers(0, 1024))
def test_contains_equals_a_scan(nets4: list[IPv4Network], nets6: list[IPv6Network], offset: int) -> None:
    networks = collapsed([*nets4, *nets6])
    address = IPv4Address(0xC0000100 + offset)
    assert contains(networks, address) is any(address in network for network in networks)
    for network in networks:
        assert contains(networks, network.network_address)
        assert contains(networks, network.broadcast_address)
