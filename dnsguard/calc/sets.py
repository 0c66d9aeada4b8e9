"""The sets that rules refer to: made when the first rule asks, shared by all that mean the same."""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dnsguard.calc.compiled import Address, LeaseSet, MemberSet, Network, PortSet
from dnsguard.calc.labelindex import LabelIndex
from dnsguard.calc.networks import collapsed
from dnsguard.domains import DomainPattern
from dnsguard.selector import All, Expression, identifier

_PROTOCOL_NAMES = {6: "tcp", 17: "udp", 132: "sctp", None: "any"}


@dataclass(frozen=True, slots=True)
class Selectable:
    """What a rule's selector can match: an endpoint or a network set."""

    networks: tuple[Network, ...] = ()
    patterns: tuple[DomainPattern, ...] | None = None
    """None of an endpoint, and of a network set that has no list of domains at all."""

    ports: tuple[tuple[str, int, int], ...] = ()
    """(name, protocol number, port), of endpoints only."""

    addresses: tuple[Address, ...] = ()
    """Of endpoints only: where the ports are."""


class SetRegistry:
    """Sets by identifier. What a set holds follows from its identifier and the objects, so asking twice is harmless."""

    def __init__(self, objects: LabelIndex[Selectable]) -> None:
        self._objects = objects
        self._matched: dict[Expression, list[Selectable]] = {}
        self._identifiers: dict[Expression, str] = {}
        self.member_sets: dict[str, MemberSet] = {}
        self.port_sets: dict[str, PortSet] = {}
        self.lease_sets: dict[str, LeaseSet] = {}

    def members(self, selector: Expression) -> str:
        """The member set of all that the selector matches."""
        name = self._identifier(selector)
        if name not in self.member_sets:
            networks = collapsed(network for item in self._matching(selector) for network in item.networks)
            self.member_sets[name] = MemberSet(name, str(selector), networks)
        return name

    def leases(self, selector: Expression) -> str | None:
        """The lease set of the domains of all network sets that the selector matches.

        None where none of them has a list of domains. One that is there and empty counts: a set that is meant for
        domains then keeps its place in the rules while domains come and go.
        """
        lists = [item.patterns for item in self._matching(selector) if item.patterns is not None]
        if not lists:
            return None
        name = self._identifier(selector)
        if name not in self.lease_sets:
            patterns = frozenset(pattern for patterns in lists for pattern in patterns)
            self.lease_sets[name] = LeaseSet(name, str(selector), patterns)
        return name

    def domain_leases(self, patterns: Sequence[DomainPattern]) -> str:
        """The lease set of domains that a rule lists itself."""
        texts = sorted({pattern.canonical for pattern in patterns})
        name = "d:" + _digest("d:" + ",".join(texts))
        if name not in self.lease_sets:
            self.lease_sets[name] = LeaseSet(name, ", ".join(texts), frozenset(patterns))
        return name

    def ports(self, selector: Expression | None, protocol: int | None, names: Iterable[str]) -> str:
        """The port set of endpoints that match (of all, without selector) and declare one of the names."""
        wanted = sorted(set(names))
        selector = selector or All()
        protocol_name = _PROTOCOL_NAMES.get(protocol, str(protocol))
        name = "n:" + _digest(f"n:{self._identifier(selector)},{protocol_name},{','.join(wanted)}")
        if name not in self.port_sets:
            members = frozenset(
                (address, number, port)
                for item in self._matching(selector)
                for port_name, number, port in item.ports
                if port_name in wanted and protocol in (None, number)
                for address in item.addresses
            )
            self.port_sets[name] = PortSet(name, f"{protocol_name} {', '.join(wanted)} of {selector}", members)
        return name

    def has_domains(self, selector: Expression) -> bool:
        """Whether a network set that matches holds domains."""
        return any(item.patterns for item in self._matching(selector))

    def _matching(self, selector: Expression) -> list[Selectable]:
        if selector not in self._matched:
            self._matched[selector] = self._objects.matching(selector)
        return self._matched[selector]

    def _identifier(self, selector: Expression) -> str:
        if selector not in self._identifiers:
            self._identifiers[selector] = identifier(selector)
        return self._identifiers[selector]


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha224(text.encode()).digest()).rstrip(b"=").decode("ascii")
