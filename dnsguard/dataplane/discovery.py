"""Neighbour discovery, without which IPv6 stops at once (RFC 4861; listeners RFC 2710, 3810). Pure."""

from collections.abc import Iterator
from ipaddress import ip_network

from dnsguard.dataplane.rules import AddressWithin, HopLimit, Icmp, IcmpField, Match, Side

_ANYBODY = (135, 136, 255), (133, 133, 255), (130, 132, 1), (143, 143, 1)
_ROUTERS = (134, 134, 255), (137, 137, 255)
"""First and last type, and the hop limit that shows that it has crossed no router."""

_UNROUTED = tuple(map(ip_network, ("fe80::/10", "::/128")))


def neighbour_discovery(*, from_router: bool) -> Iterator[tuple[Icmp, HopLimit]]:
    """What the packets look like: those that only routers send, or the others."""
    for first, last, hop_limit in _ROUTERS if from_router else _ANYBODY:
        yield Icmp(6, IcmpField.TYPE, first, last), HopLimit(hop_limit)


def neighbours_on_link() -> Iterator[tuple[Match, ...]]:
    """The same, of anybody, where packets are forwarded, which takes one hop away: what has 255 left was not routed,
    what has 1 left may have come with 2. But no router forwards what comes from such addresses (RFC 4291, 2.5)."""
    for talk in neighbour_discovery(from_router=False):
        if talk[1].value > 1:
            yield talk
            continue
        for unrouted in _UNROUTED:
            yield *talk, AddressWithin(Side.SOURCE, unrouted)
