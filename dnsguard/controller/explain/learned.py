"""What DNS has taught about a client, and what it would teach. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_address

from dnsguard.calc.compiled import Address, Compiled
from dnsguard.calc.evaluator.matching import LeaseLookup
from dnsguard.domains import DomainNameError, wire_name
from dnsguard.link.messages import LearnedAlias, LearnedLease, LeasesReply, WithheldAddress


@dataclass(frozen=True, slots=True)
class Learned:
    """What forwarders have learned for the addresses of one client."""

    leases: tuple[LearnedLease, ...] = ()
    aliases: tuple[LearnedAlias, ...] = ()
    truncated: bool = False
    withheld: tuple[WithheldAddress, ...] = ()
    """Where answers led and what no name may open."""

    @classmethod
    def of(cls, replies: Iterable[LeasesReply]) -> "Learned":
        """All of them together, each thing once, though the seconds it has left differ between replies."""
        replies = tuple(replies)
        leases = {replace(lease, seconds_left=0): lease for reply in replies for lease in reply.leases}
        aliases = {replace(alias, seconds_left=0): alias for reply in replies for alias in reply.aliases}
        withheld = {replace(each, seconds_left=0): each for reply in replies for each in reply.withheld}
        truncated = any(reply.truncated for reply in replies)
        return cls(tuple(leases.values()), tuple(aliases.values()), truncated, tuple(withheld.values()))

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
        return frozenset(wire for lease in self.leases if lease.address == text for wire in wires(lease.names))

    def addresses_of(self, name: bytes) -> tuple[Address, ...]:
        """Where a name led."""
        found = [lease.address for lease in self.leases if name in wires(lease.names)]
        return tuple(ip_address(text) for text in dict.fromkeys(found))

    def withheld_of(self, name: bytes) -> tuple[WithheldAddress, ...]:
        """Where a name led without opening anything, each address once."""
        return tuple({each.address: each for each in self.withheld if name in wires(each.names)}.values())


def wires(names: Iterable[str]) -> Iterator[bytes]:
    """Their wire forms; what is no domain name is passed over."""
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
