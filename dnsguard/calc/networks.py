"""Networks as few as can be: what is contained goes, neighbours join."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network
from typing import Literal

from dnsguard.calc.compiled import Address, Network

_Key = tuple[int, int, int]
"""(version, first address, prefix length): sorts containers before what they contain."""


def collapsed(networks: Iterable[Network]) -> tuple[Network, ...]:
    """The same addresses as disjoint networks that cannot be joined further, IPv4 first, ascending.

    Like `ipaddress.collapse_addresses` and many times faster: it counts in integers, and keeps the networks it was
    given where they stay as they are.
    """
    by_key: dict[_Key, Network] = {
        (network.version, int(network.network_address), network.prefixlen): network for network in networks
    }
    done: list[_Key] = []
    for key in sorted(by_key):
        if done and _contains(done[-1], key):
            continue
        done.append(key)
        while len(done) > 1 and (joint := _joint(done[-2], done[-1])) is not None:
            done[-2:] = [joint]
    return tuple(by_key.get(key) or _network(*key) for key in done)


_BITS = {4: 32, 6: 128}


def _contains(outer: _Key, inner: _Key) -> bool:
    version, first, length = outer
    shift = _BITS[version] - length
    return inner[0] == version and inner[1] >> shift == first >> shift


def _joint(left: _Key, right: _Key) -> _Key | None:
    """The network of which these two are the halves, or None."""
    version, first, length = left
    if (version, length) != (right[0], right[2]) or length == 0:
        return None
    size = 1 << (_BITS[version] - length)
    return (version, first, length - 1) if first % (2 * size) == 0 and right[1] == first + size else None


def _network(version: int, first: int, length: int) -> Network:
    from_number: type[Network] = IPv4Network if version == 4 else IPv6Network
    return from_number((first, length))


def contains(networks: Sequence[Network], address: Address) -> bool:
    """Whether one of the networks holds the address. They must be as `collapsed` returns them."""
    number = int(address)
    after = bisect_right(networks, (address.version, number), key=_start)
    return after > 0 and address in networks[after - 1]


def _start(network: Network) -> tuple[Literal[4, 6], int]:
    return network.version, int(network.network_address)
