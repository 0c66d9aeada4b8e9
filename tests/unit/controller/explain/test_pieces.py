from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsguard.calc.compiled import Action, Compiled, CompiledPolicy, CompiledRule, EntityMatch, MemberSet, Network
from dnsguard.controller.explain.pieces import TooManyPieces, pieces
from tests.unit.controller.policy import POLICY, endpoint

NET = ip_network("192.0.2.0/24")


def world(*nets: str, members: tuple[str, ...] = ()) -> Compiled:
    rule = CompiledRule(0, Action.ALLOW, destination=EntityMatch(nets=tuple(map(ip_network, nets))))
    return Compiled(
        policies={POLICY: CompiledPolicy(POLICY, "default", egress=(rule,))},
        member_sets={"s:m": MemberSet("s:m", "all()", tuple(map(ip_network, members)))},
    )


@pytest.mark.parametrize(
    ("compiled", "expected"),
    [
        (Compiled(), ["192.0.2.0/24"]),
        (world("192.0.0.0/16", "198.51.100.0/24", "2001:db8::/32"), ["192.0.2.0/24"]),
        (world("192.0.2.128/25"), ["192.0.2.0/25", "192.0.2.128/25"]),
        (
            world("192.0.2.0/30", members=("192.0.2.9/32",)),
            ["192.0.2.0/30", "192.0.2.4-192.0.2.8", "192.0.2.9", "192.0.2.10-192.0.2.255"],
        ),
    ],
)
def test_a_network_is_cut_at_the_borders_of_policy(compiled: Compiled, expected: list[str]) -> None:
    assert [text for _, text in pieces(NET, compiled)] == expected


def test_what_a_rule_excludes_is_a_border() -> None:
    rule = CompiledRule(0, Action.DENY, source=EntityMatch(not_nets=(ip_network("192.0.2.128/25"),)))
    excluding = Compiled(policies={POLICY: CompiledPolicy(POLICY, "default", ingress=(rule,))})
    assert [text for _, text in pieces(NET, excluding)] == ["192.0.2.0/25", "192.0.2.128/25"]


def test_endpoints_and_other_addresses_are_borders_too() -> None:
    cart = endpoint("cart", "192.0.2.7", "2001:db8::7")
    found = pieces(ip_network("192.0.2.0/28"), Compiled(endpoints={cart.id: cart}), [ip_address("192.0.2.15"), NET])
    assert [text for _, text in found] == ["192.0.2.0-192.0.2.6", "192.0.2.7", "192.0.2.8-192.0.2.14", "192.0.2.15"]


def test_what_the_node_treats_in_its_own_way_is_cut_out() -> None:
    texts = [text for _, text in pieces(ip_network("::/0"), Compiled())]
    assert texts == [
        "::",
        "::1",
        "::2-fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    ]
    every = [text for _, text in pieces(ip_network("0.0.0.0/0"), Compiled())]
    assert every[:2] == ["0.0.0.0", "0.0.0.1-126.255.255.255"], "0.0.0.0 does not speak for those after it"
    assert {"224.0.0.0/4", "255.255.255.255"} <= set(every)


def test_too_many_pieces() -> None:
    many = world(members=tuple(f"192.0.{net}.{last}/32" for net in (2, 3) for last in range(0, 256, 2)))
    with pytest.raises(TooManyPieces, match=r"more than 256 parts of 192\.0\.2\.0/23 apart"):
        pieces(ip_network("192.0.2.0/23"), many)


networks = st.builds(
    lambda last, length: str(ip_network(f"192.0.2.{last}/{length}", strict=False)),
    st.integers(0, 255),
    st.integers(24, 32),
)


@given(st.lists(networks, max_size=6))
def test_an_address_of_a_piece_is_in_the_same_networks_as_its_first(texts: list[str]) -> None:
    nets: list[Network] = [ip_network(text) for text in texts]
    found = pieces(NET, world(*texts))
    starts = [int(first) for first, _ in found]
    for address in NET:
        first = ip_address(max(start for start in starts if start <= int(address)))
        assert [address in net for net in nets] == [first in net for net in nets]
