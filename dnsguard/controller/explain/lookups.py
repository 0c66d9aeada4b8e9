"""What a domain name means to a client: where it led, which lease sets take it, whether a query is answered. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from api.explaining import Carrier, ExplainedName, LearnedAddress
from api.explaining import LearnedAlias as AliasView
from dnsguard.calc.compiled import Address, Compiled
from dnsguard.calc.matching import LeaseLookup
from dnsguard.domains import DomainNameError, name_text, wire_name
from dnsguard.link.messages import LearnedAlias, LearnedLease, LeasesReply
from dnsguard.resources import GlobalNetworkSet, NetworkSet
from dnsguard.selector import SelectorSyntaxError, parse

MOST_STEPS = 64
"""Aliases shown of one name."""

NODE_WIDE = "node"


@dataclass(frozen=True, slots=True)
class Learned:
    """What forwarders have learned for the addresses of one client."""

    leases: tuple[LearnedLease, ...] = ()
    aliases: tuple[LearnedAlias, ...] = ()
    truncated: bool = False

    @classmethod
    def of(cls, replies: Iterable[LeasesReply]) -> "Learned":
        """All of them together, each thing once."""
        replies = tuple(replies)
        return cls(
            tuple(dict.fromkeys(lease for reply in replies for lease in reply.leases)),
            tuple(dict.fromkeys(alias for reply in replies for alias in reply.aliases)),
            any(reply.truncated for reply in replies),
        )

    def leased(self, lease_set: str, client: Address, address: Address) -> bool:
        """A ``LeaseLookup``: what the kernel's sets hold now."""
        return any(
            lease_set in lease.lease_sets
            and lease.address == str(address)
            and lease.client_address in ("", str(client))
            for lease in self.leases
        )

    @property
    def addresses(self) -> frozenset[Address]:
        """All addresses that the client was led to."""
        return frozenset(ip_address(lease.address) for lease in self.leases)

    def names_of(self, address: Address) -> frozenset[bytes]:
        """The names that led to an address."""
        text = str(address)
        return frozenset(wire for lease in self.leases if lease.address == text for wire in _wires(lease.names))

    def addresses_of(self, name: bytes) -> tuple[Address, ...]:
        """Where a name led."""
        found = [lease.address for lease in self.leases if name in _wires(lease.names)]
        return tuple(ip_address(text) for text in dict.fromkeys(found))


def _wires(names: Iterable[str]) -> Iterator[bytes]:
    for name in names:
        try:
            yield wire_name(name)
        except DomainNameError:
            continue


def would_lease(compiled: Compiled, names: Iterable[bytes]) -> LeaseLookup:
    """The lookup of a client that was led somewhere by these names, for every lease set there is."""
    names = tuple(names)

    def leased(lease_set: str, _client: Address, _address: Address) -> bool:
        found = compiled.lease_sets.get(lease_set)
        return found is not None and any(pattern.matches(name) for pattern in found.patterns for name in names)

    return leased


def explained_name(
    name: bytes, used: Collection[str], compiled: Compiled, learned: Learned, origins: "Origins", query: str
) -> ExplainedName:
    """Everything that is known of a name, for one client.

    ``used``: the lease sets that its look-ups fill. ``query`` says whether its queries are answered.
    """
    steps = tuple(_steps(name, learned.aliases))
    chain = {name, *(wire for step in steps for wire in _wires([step.target]))}
    return ExplainedName(
        name=name_text(name),
        aliases=tuple(AliasView(owner=s.owner, target=s.target, seconds_left=s.seconds_left) for s in steps),
        addresses=tuple(_addresses(name, learned.leases)),
        carriers=tuple(_carriers(chain, used, compiled, origins)),
        query=query,
    )


def _steps(name: bytes, aliases: Sequence[LearnedAlias]) -> Iterator[LearnedAlias]:
    """The aliases that a name led along, breadth first, each once."""
    by_owner: dict[bytes, list[LearnedAlias]] = {}
    for alias in aliases:
        for owner in _wires([alias.owner]):
            by_owner.setdefault(owner, []).append(alias)
    seen, level, count = {name}, [name], 0
    while level:
        following = []
        for owner in level:
            for alias in sorted(by_owner.get(owner, ()), key=lambda each: each.target):
                if count == MOST_STEPS:
                    return
                count += 1
                yield alias
                following += [target for target in _wires([alias.target]) if target not in seen]
                seen.update(following)
        level = following


def _addresses(name: bytes, leases: Sequence[LearnedLease]) -> Iterator[LearnedAddress]:
    by_address: dict[str, list[LearnedLease]] = {}
    for lease in leases:
        if name in _wires(lease.names):
            by_address.setdefault(lease.address, []).append(lease)
    for address, found in by_address.items():
        holding = [lease for lease in found if lease.lease_sets]
        yield LearnedAddress(
            address=address,
            sets=tuple(sorted({lease_set for lease in holding for lease_set in lease.lease_sets})),
            node_wide=all(lease.client == NODE_WIDE for lease in holding or found),
            seconds_left=max(lease.seconds_left for lease in holding or found),
        )


def _carriers(chain: set[bytes], used: Collection[str], compiled: Compiled, origins: "Origins") -> Iterator[Carrier]:
    rules = _rules_by_lease_set(compiled)
    found = []
    for lease_set in compiled.lease_sets.values():
        for pattern in lease_set.patterns:
            if any(pattern.matches(each) for each in chain):
                for origin, text in origins.of(lease_set.id, lease_set.description, pattern.canonical):
                    found.append(
                        Carrier(
                            lease_set=lease_set.id,
                            pattern=text or pattern.text,
                            origin=origin,
                            rules=rules.get(lease_set.id, ()),
                            used=lease_set.id in used,
                        )
                    )
    in_force = {(each.origin, each.pattern) for each in found}
    for origin, text in origins.matching(chain):
        if (origin, text) not in in_force:
            found.append(Carrier(lease_set="", pattern=text, origin=origin, rules=(), used=False))
    yield from sorted(found, key=lambda each: (not each.used, each.origin, each.pattern, each.lease_set))


def _rules_by_lease_set(compiled: Compiled) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    rules = [(str(policy.id), rule) for policy in compiled.policies.values() for rule in policy.egress]
    rules += [(f"profile {each.name}", rule) for each in compiled.profiles.values() for rule in each.egress]
    for owner, rule in rules:
        if rule.destination.leases is not None:
            found.setdefault(rule.destination.leases, []).append(f"rule {rule.index} of {owner}")
    return {lease_set: tuple(sorted(texts)) for lease_set, texts in found.items()}


class Origins:
    """Network sets and their domains: which of them put a pattern into a lease set."""

    def __init__(self, sets: Sequence[tuple[NetworkSet | GlobalNetworkSet, Mapping[str, str]]]) -> None:
        """``sets``: network sets, each with its effective labels."""
        self._sets = sets

    def of(self, lease_set: str, description: str, canonical: str) -> list[tuple[str, str]]:
        """(origin, pattern as written) of each; a list that stands in a rule itself is said to be so."""
        if not lease_set.startswith("s:"):
            return [("the rule's own list", "")]
        try:
            selector = parse(description)
        except SelectorSyntaxError:
            return [(description, "")]
        found = []
        for network_set, labels in self._sets:
            if selector.matches(labels):
                for pattern in network_set.spec.allowed_egress_domains or ():
                    if pattern.canonical == canonical:
                        found.append((_place(network_set), pattern.text))
        return sorted(found)

    def matching(self, names: Iterable[bytes]) -> Iterator[tuple[str, str]]:
        """(network set, pattern as written) of all that match one of the names, whether a rule asks for them or not."""
        names = tuple(names)
        for network_set, _ in self._sets:
            for pattern in network_set.spec.allowed_egress_domains or ():
                if any(pattern.matches(name) for name in names):
                    yield _place(network_set), pattern.text


def _place(network_set: NetworkSet | GlobalNetworkSet) -> str:
    return "/".join(filter(None, (network_set.kind, network_set.namespace, network_set.name)))
