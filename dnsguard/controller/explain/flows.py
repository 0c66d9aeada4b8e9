"""The pairs of addresses that a question is about. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from itertools import chain

from dnsguard.api.services import CannotExplain
from dnsguard.calc.compiled import Address, Compiled, Network
from dnsguard.calc.evaluator.node import Node
from dnsguard.controller.explain.learned import Learned
from dnsguard.controller.explain.pieces import MOST, Piece, TooManyPieces, pieces
from dnsguard.controller.explain.question import Party, Question
from dnsguard.controller.explain.routing import Passing

UNSEEN_RANGES: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in ("203.0.113.0/24", "198.51.100.0/24", "192.0.2.0/24", "2001:db8:ffff:ffff::/120", "3fff:ffff::/120")
)
"""Reserved for documentation (RFC 5737, 3849, 9637): no answer leads there, so one can stand for any address."""


@dataclass(frozen=True, slots=True)
class Flow:
    """One pair of addresses."""

    source: Address
    destination: Address
    source_text: str
    destination_text: str
    """Empty where the address only stands for one that a name may lead to."""

    names: frozenset[bytes] = frozenset()
    """Domain names that led to the destination, or may."""

    passing: Passing = field(default_factory=Passing)

    @property
    def stands_in(self) -> bool:
        """The destination is no real address."""
        return not self.destination_text


def flows_of(question: Question, compiled: Compiled, learned: Learned, node: Node) -> tuple[Flow, ...]:
    """IPv4 first. Raises CannotExplain where they are too many."""
    name = question.destination.name
    sources = _pieces(question.source, "source", compiled, learned, node)
    destinations = _pieces(question.destination, "destination", compiled, learned, node)
    if name is not None:
        withheld = (ip_address(each.address) for each in learned.withheld_of(name))
        led_to = dict.fromkeys((*learned.addresses_of(name), *withheld))
        destinations = tuple((address, str(address)) for address in led_to)
        if not any(address.version in question.families for address, _ in destinations):
            destinations = tuple((unseen_address(version, compiled), "") for version in sorted(question.families))
    found = []
    for version in sorted(question.families):
        for source, source_text in sources:
            for destination, text in destinations:
                if source.version == destination.version == version:
                    names = learned.names_of(destination) if text else frozenset({name} if name is not None else ())
                    found.append(Flow(source, destination, source_text, text, names))
    if len(found) > MOST:
        raise CannotExplain(
            "destination", f"that is about {len(found)} pairs of addresses, {MOST} at most: ask for less"
        )
    return tuple(found)


def _pieces(party: Party, field: str, compiled: Compiled, learned: Learned, node: Node) -> tuple[Piece, ...]:
    if party.network is None:
        return tuple((address, str(address)) for address in party.addresses)
    try:
        return pieces(party.network, compiled, _others(learned, node))
    except TooManyPieces as error:
        raise CannotExplain(field, str(error)) from error


def _others(learned: Learned, node: Node) -> Iterator[Network | Address]:
    """What makes a difference besides policy: addresses that were learned, and those of the node."""
    yield from learned.addresses
    yield from node.addresses
    yield from chain.from_iterable(addresses for _, addresses in node.interface_addresses)
    yield from node.workload_cidrs


def unseen_address(version: int, compiled: Compiled) -> Address:
    """An address that no endpoint has and no narrow CIDR of a set covers, to stand for one that DNS may lead to."""
    known = [
        net
        for member_set in compiled.member_sets.values()
        for net in member_set.networks
        if net.version == version and net.prefixlen > 8
    ]
    candidates = [net[1] for net in UNSEEN_RANGES if net.version == version]
    return next((each for each in candidates if not any(each in net for net in known)), candidates[0])
