"""Neighbour discovery, without which IPv6 stops at once (RFC 4861; listeners RFC 2710, 3810). Pure."""

from collections.abc import Iterator

from dnsguard.dataplane.rules import HopLimit, Icmp, IcmpField

_ANYBODY = (135, 136, 255), (133, 133, 255), (130, 132, 1), (143, 143, 1)
_ROUTERS = (134, 134, 255), (137, 137, 255)
"""First and last type, and the hop limit that shows that it has crossed no router."""


def neighbour_discovery(*, from_router: bool) -> Iterator[tuple[Icmp, HopLimit]]:
    """What the packets look like: those that only routers send, or the others."""
    for first, last, hop_limit in _ROUTERS if from_router else _ANYBODY:
        yield Icmp(6, IcmpField.TYPE, first, last), HopLimit(hop_limit)
