from ipaddress import ip_address, ip_network

import hypothesis.strategies as st
import pytest
from hypothesis import given

from dnsguard.dns.eligible import Eligible, UnleasedNets, ineligible
from dnsguard.settings.forms import PRIVATE

SPECIAL = [
    ("0.0.0.0", "unspecified"),
    ("0.1.2.3", "unspecified"),
    ("127.0.0.1", "loopback"),
    ("127.255.255.254", "loopback"),
    ("169.254.169.254", "link-local"),
    ("224.0.0.1", "multicast"),
    ("239.255.255.255", "multicast"),
    ("255.255.255.255", "broadcast"),
]
ORDINARY = [
    "192.0.2.1",
    "10.0.0.1",
    "1.0.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "169.253.255.255",
    "169.255.0.0",
    "223.0.0.1",
]


def forms(text: str) -> list[str]:
    """The IPv6 addresses that carry an IPv4 address."""
    packed = ip_address(text).packed
    hexadecimal = packed.hex()
    high, low = hexadecimal[:4], hexadecimal[4:]
    return [
        f"::ffff:{text}",
        f"64:ff9b::{text}",
        f"64:ff9b:1::{text}",
        f"64:ff9b:1:{high}:{int(low[:2], 16):x}:{low[2:]}00::",
        f"2002:{high}:{low}::1",
        f"::ffff:0:{text}",
        f"2001:0:c000:204:8000:63bf:{0xFFFF - int(high, 16):x}:{0xFFFF - int(low, 16):x}",
    ]


@pytest.mark.parametrize(("text", "reason"), SPECIAL)
def test_special_addresses_are_never_leased_in_any_form(text: str, reason: str) -> None:
    assert ineligible(ip_address(text).packed) == reason
    for form in forms(text):
        assert ineligible(ip_address(form).packed) is not None, form


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_addresses_are_leased_in_every_form(text: str) -> None:
    assert ineligible(ip_address(text).packed) is None
    for form in forms(text):
        assert ineligible(ip_address(form).packed) is None, form


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("::", "unspecified"),
        ("::1", "loopback"),
        ("fe80::1", "link-local"),
        ("febf::1", "link-local"),
        ("ff02::1", "multicast"),
        ("64:ff9b::a9fe:a9fe", "link-local"),
        ("::7f00:1", "loopback"),
        ("2001:db8::1", None),
        ("fd00::1", None),
        ("fec0::1", None),
        ("2003::1", None),
    ],
)
def test_ipv6(text: str, reason: str | None) -> None:
    assert ineligible(ip_address(text).packed) == reason


@pytest.mark.parametrize("text", ["192.0.2.1", *forms("192.0.2.1"), "2001:db8::1"])
def test_the_nodes_own_addresses_are_never_leased_in_any_form(text: str) -> None:
    own = {ip_address("192.0.2.1").packed, ip_address("2001:db8::1").packed}
    assert ineligible(ip_address(text).packed, own) == "the node's own address"
    assert ineligible(ip_address(text).packed) is None


INSIDE = ["10.0.0.0", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "100.127.255.255"]
OUTSIDE = ["9.255.255.255", "11.0.0.0", "172.15.255.255", "172.32.0.0", "192.167.0.1", "100.63.255.255", "100.128.0.0"]


@pytest.mark.parametrize("text", INSIDE)
def test_private_addresses_are_not_leased_in_any_form_where_the_settings_say_so(text: str) -> None:
    private = UnleasedNets(PRIVATE)
    for form in (text, *forms(text)):
        assert "of unleased_nets" in str(ineligible(ip_address(form).packed, (), private)), form
        assert ineligible(ip_address(form).packed) is None, form


@pytest.mark.parametrize("text", OUTSIDE)
def test_the_neighbours_of_private_networks_are_leased(text: str) -> None:
    for form in (text, *forms(text)):
        assert ineligible(ip_address(form).packed, (), UnleasedNets(PRIVATE)) is None, form


@pytest.mark.parametrize(
    ("net", "text", "reason"),
    [
        ("192.0.2.0/24", "192.0.2.255", "in 192.0.2.0/24 of unleased_nets"),
        ("192.0.2.0/24", "192.0.3.0", None),
        ("fc00::/7", "fd00::1", "in fc00::/7 of unleased_nets"),
        ("fc00::/7", "fe00::1", None),
        ("64:ff9b::/96", "64:ff9b::192.0.2.1", "in 64:ff9b::/96 of unleased_nets"),
        ("64:ff9b::/96", "192.0.2.1", None),
        ("0.0.0.0/0", "192.0.2.1", "in 0.0.0.0/0 of unleased_nets"),
        ("0.0.0.0/0", "::ffff:192.0.2.1", "in 0.0.0.0/0 of unleased_nets"),
        ("0.0.0.0/0", "2001:db8::1", None),
        ("::/0", "2001:db8::1", "in ::/0 of unleased_nets"),
        ("::/0", "192.0.2.1", None),
    ],
)
def test_a_network_of_the_settings_is_never_leased(net: str, text: str, reason: str | None) -> None:
    assert ineligible(ip_address(text).packed, (), UnleasedNets([ip_network(net)])) == reason


@given(st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16), st.sets(st.integers(0, 255)))
def test_what_is_asked_of_every_address_says_the_same(address: bytes, octets: set[int]) -> None:
    own = {bytes((octet, *address[1:4])) for octet in octets}
    for nets in (None, UnleasedNets([ip_network("198.51.100.0/24"), ip_network("10.0.0.0/8")])):
        assert Eligible(lambda: own, nets)(address) == (ineligible(address, own, nets) is None)


def test_that_something_was_refused_is_kept_in_mind() -> None:
    """Who asks of every address of every answer looks again only where there is something to see."""
    asked = Eligible(set, UnleasedNets([ip_network("10.0.0.0/8")]))
    said = [(asked(ip_address(text).packed), asked.refused) for text in ("192.0.2.1", "10.8.0.9", "192.0.2.1")]
    assert said == [(True, False), (False, True), (True, True)]
    assert asked.reason(ip_address("10.8.0.9").packed) == "in 10.0.0.0/8 of unleased_nets"
    assert asked.reason(ip_address("192.0.2.1").packed) is None
