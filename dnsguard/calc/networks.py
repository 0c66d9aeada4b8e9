"""Networks as few as can be: what is contained goes, neighbours join."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network
from typing import Literal

from dnsguard.calc.compiled import Address, Network

NetworkKey = tuple[int, int, int]
"""(version, first address, prefix length): sorts containers before what they contain."""

_BITS = {4: 32, 6: 128}


def network_key(network: Network) -> NetworkKey:
    """What a network is, in integers."""
    return network.version, int(network.network_address), network.prefixlen


def keyed(networks: Iterable[Network]) -> dict[NetworkKey, Network]:
    """The networks, each once, by their keys."""
    return {network_key(network): network for network in networks}


def network_of(key: NetworkKey) -> Network:
    """The network with this key."""
    version, first, length = key
    from_number: type[Network] = IPv4Network if version == 4 else IPv6Network
    return from_number((first, length))


def collapsed(networks: Iterable[Network]) -> tuple[Network, ...]:
    """The same addresses as disjoint networks that cannot be joined further, IPv4 first, ascending.

    Like `ipaddress.collapse_addresses` and many times faster: it counts in integers, and keeps the networks it was
    given where they stay as they are.
    """
    given = keyed(networks)
    return tuple(given.get(key) or network_of(key) for key in collapsed_keys(sorted(given)))


def collapsed_keys(ascending: Iterable[NetworkKey]) -> list[NetworkKey]:
    """`collapsed`, of keys in ascending order."""
    done: list[NetworkKey] = []
    for key in ascending:
        if done and holds(done[-1], key):
            continue
        done.append(key)
        while len(done) > 1 and (joint := joined(done[-2], done[-1])) is not None:
            done[-2:] = [joint]
    return done


def holds(outer: NetworkKey, inner: NetworkKey) -> bool:
    """Whether inner lies within outer, or is outer; it must not sort before it."""
    version, first, length = outer
    shift = _BITS[version] - length
    return inner[0] == version and inner[1] >> shift == first >> shift


def joined(left: NetworkKey, right: NetworkKey) -> NetworkKey | None:
    """The network of which these two are the halves, or None."""
    version, first, length = left
    if (version, length) != (right[0], right[2]) or length == 0:
        return None
    size = 1 << (_BITS[version] - length)
    return (version, first, length - 1) if first % (2 * size) == 0 and right[1] == first + size else None


def parent(key: NetworkKey) -> NetworkKey:
    """The network of which this one is a half; of everything there is none."""
    version, first, length = key
    shift = _BITS[version] - length + 1
    return version, first >> shift << shift, length - 1


def sibling(key: NetworkKey) -> NetworkKey:
    """The other half of the parent."""
    version, first, length = key
    return version, first ^ (1 << (_BITS[version] - length)), length


def contains(networks: Sequence[Network], address: Address) -> bool:
    """Whether one of the networks holds the address. They must be as `collapsed` returns them."""
    number = int(address)
    after = bisect_right(networks, (address.version, number), key=_start)
    return after > 0 and address in networks[after - 1]


def _start(network: Network) -> tuple[Literal[4, 6], int]:
    return network.version, int(network.network_address)
