"""A network, cut where policy may tell its addresses apart: one address then speaks for a whole piece. Pure."""

from collections.abc import Iterable, Iterator
from ipaddress import ip_address, ip_network, summarize_address_range

from dnsguard.calc.compiled import Address, Compiled, Network
from dnsguard.errors import DnsguardError

MOST = 256
_SPECIAL: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        *("0.0.0.0/32", "127.0.0.0/8", "224.0.0.0/4", "255.255.255.255/32"),
        *("::/128", "::1/128", "ff00::/8", "fe80::/10"),
    )
)
"""Networks that the node itself treats in another way: 0.0.0.0 is itself, the next address a stranger."""

Piece = tuple[Address, str]
"""Its first address, and all of it as text: CIDRs, or one address."""


class TooManyPieces(DnsguardError):
    """Policy tells too many parts of a network apart to speak of all of them."""

    def __init__(self, network: Network) -> None:
        super().__init__(f"policy tells more than {MOST} parts of {network} apart: ask for a smaller network")


def pieces(network: Network, compiled: Compiled, others: Iterable[Network | Address] = ()) -> tuple[Piece, ...]:
    """Ascending. ``others``: what else may make a difference. Raises TooManyPieces."""
    first, end = int(network[0]), int(network[-1]) + 1
    borders = {first}
    for low, high in _ranges(network.version, compiled, others):
        borders.update(border for border in (low, high) if first < border < end)
        if len(borders) > MOST:
            raise TooManyPieces(network)
    starts = sorted(borders)
    return tuple(_piece(network.version, low, high) for low, high in zip(starts, [*starts[1:], end], strict=True))


def _piece(version: int, low: int, high: int) -> Piece:
    first, last = _address(version, low), _address(version, high - 1)
    if first == last:
        return first, str(first)
    networks = list(summarize_address_range(first, last))
    return first, str(networks[0]) if len(networks) == 1 else f"{first}-{last}"


def _address(version: int, number: int) -> Address:
    return ip_address(number.to_bytes(4 if version == 4 else 16, "big"))


def _ranges(version: int, compiled: Compiled, others: Iterable[Network | Address]) -> Iterator[tuple[int, int]]:
    """First address and the one after the last, of everything that the evaluator compares addresses with."""
    for network in _networks(compiled):
        if network.version == version:
            yield int(network.network_address), int(network.broadcast_address) + 1
    for other in (*_SPECIAL, *others):
        if other.version == version:
            whole = ip_network(other)
            yield int(whole.network_address), int(whole.broadcast_address) + 1
    for endpoint in compiled.endpoints.values():
        for address in endpoint.addresses:
            if address.version == version:
                yield int(address), int(address) + 1


def _networks(compiled: Compiled) -> Iterator[Network]:
    for member_set in compiled.member_sets.values():
        yield from member_set.networks
    rules = [rule for policy in compiled.policies.values() for rule in (*policy.ingress, *policy.egress)]
    rules += [rule for profile in compiled.profiles.values() for rule in (*profile.ingress, *profile.egress)]
    for rule in rules:
        for entity in (rule.source, rule.destination):
            yield from entity.nets or ()
            yield from entity.not_nets
    for port_set in compiled.port_sets.values():
        for address, _, _ in port_set.members:
            yield ip_network(address)
