"""The sets that rules refer to: made when the first rule asks, shared by all that mean the same."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dnsguard.calc.compiled import Address, LeaseSet, MemberSet, Network, PortSet
from dnsguard.calc.labelindex import LabelIndex
from dnsguard.calc.networks import collapsed
from dnsguard.domains import DomainPattern
from dnsguard.selector import All, Expression, content_id, identifier

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


@dataclass(frozen=True, slots=True)
class _NamedPorts:
    """Which ports a port set is about."""

    protocol: int | None
    names: tuple[str, ...]


class SetRegistry:
    """Sets by identifier. What a set holds follows from its identifier and the objects, so asking twice is harmless.

    When endpoints come and go, the member and port sets that they are in are made anew. Network sets are added before
    the first rule asks: whether a rule has a lease set at all depends on them.
    """

    def __init__(self) -> None:
        self._objects = LabelIndex[Selectable]()
        self._matched: dict[Expression, list[Selectable]] = {}
        self._identifiers: dict[Expression, str] = {}
        self._member_selectors: dict[Expression, str] = {}
        self._port_selectors: dict[Expression, dict[str, _NamedPorts]] = {}
        self.member_sets: dict[str, MemberSet] = {}
        self.port_sets: dict[str, PortSet] = {}
        self.lease_sets: dict[str, LeaseSet] = {}

    def add(self, labels: Mapping[str, str], item: Selectable) -> int:
        """From now on selectors can match the item; the number returned takes it out again."""
        number = self._objects.add(labels, item)
        self._refresh(labels)
        return number

    def remove(self, labels: Mapping[str, str], number: int) -> None:
        """Undoes the `add` that returned this number."""
        self._objects.remove(number)
        self._refresh(labels)

    def members(self, selector: Expression) -> str:
        """The member set of all that the selector matches."""
        if selector not in self._member_selectors:
            self._member_selectors[selector] = self._identifier(selector)
            self._make_members(selector)
        return self._member_selectors[selector]

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
        name = content_id("d", ",".join(texts))
        if name not in self.lease_sets:
            self.lease_sets[name] = LeaseSet(name, ", ".join(texts), frozenset(patterns))
        return name

    def ports(self, selector: Expression | None, protocol: int | None, names: Iterable[str]) -> str:
        """The port set of endpoints that match (of all, without selector) and declare one of the names."""
        selector = selector or All()
        wanted = _NamedPorts(protocol, tuple(sorted(set(names))))
        protocol_name = _PROTOCOL_NAMES.get(protocol, str(protocol))
        name = content_id("n", f"{self._identifier(selector)},{protocol_name},{','.join(wanted.names)}")
        of_selector = self._port_selectors.setdefault(selector, {})
        if name not in of_selector:
            of_selector[name] = wanted
            self._make_ports(selector, name, wanted)
        return name

    def has_domains(self, selector: Expression) -> bool:
        """Whether a network set that matches holds domains."""
        return any(item.patterns for item in self._matching(selector))

    def _make_members(self, selector: Expression) -> None:
        name = self._member_selectors[selector]
        networks = collapsed(network for item in self._matching(selector) for network in item.networks)
        self.member_sets[name] = MemberSet(name, str(selector), networks)

    def _make_ports(self, selector: Expression, name: str, wanted: _NamedPorts) -> None:
        members = frozenset(
            (address, number, port)
            for item in self._matching(selector)
            for port_name, number, port in item.ports
            if port_name in wanted.names and wanted.protocol in (None, number)
            for address in item.addresses
        )
        protocol_name = _PROTOCOL_NAMES.get(wanted.protocol, str(wanted.protocol))
        self.port_sets[name] = PortSet(name, f"{protocol_name} {', '.join(wanted.names)} of {selector}", members)

    def _refresh(self, labels: Mapping[str, str]) -> None:
        """Makes the sets anew that an object with these labels is in, or was."""
        for selector in [selector for selector in self._matched if selector.matches(labels)]:
            del self._matched[selector]
            if selector in self._member_selectors:
                self._make_members(selector)
            for name, wanted in self._port_selectors.get(selector, {}).items():
                self._make_ports(selector, name, wanted)

    def _matching(self, selector: Expression) -> list[Selectable]:
        if selector not in self._matched:
            self._matched[selector] = self._objects.matching(selector)
        return self._matched[selector]

    def _identifier(self, selector: Expression) -> str:
        if selector not in self._identifiers:
            self._identifiers[selector] = identifier(selector)
        return self._identifiers[selector]
