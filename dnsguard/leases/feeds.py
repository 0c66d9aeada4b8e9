"""What policy tells the book: which names feed which sets, and which clients use them."""

from dataclasses import dataclass
from typing import Protocol

from dnsguard.domains import DomainPattern


@dataclass(frozen=True, slots=True)
class Feed:
    """One lease set: the patterns that feed it, and the kernel's sets that carry it."""

    id: str
    kernel_set_v4: str
    kernel_set_v6: str
    patterns: frozenset[DomainPattern]

    def kernel_set(self, address: bytes) -> str:
        """The set for an address of this family."""
        return self.kernel_set_v4 if len(address) == 4 else self.kernel_set_v6


@dataclass(frozen=True, slots=True)
class LocalClient:
    """One endpoint of this node; or, called ``OUTSIDERS`` and without addresses, all clients that are no endpoint."""

    endpoint: str
    addresses: tuple[bytes, ...]
    """Packed; of both families where it has both."""

    feeds: frozenset[str]
    """Identifiers of the lease sets that its policies refer to. One that does not exist is held by nobody yet."""


class AddressRecord(Protocol):
    """One address that an answer leads to."""

    @property
    def address(self) -> bytes: ...
    @property
    def ttl(self) -> int: ...
    @property
    def names(self) -> tuple[bytes, ...]:
        """The chain that leads to it; the last is the record's owner."""


class AliasRecord(Protocol):
    """One CNAME of an answer."""

    @property
    def owner(self) -> bytes: ...
    @property
    def target(self) -> bytes: ...
    @property
    def ttl(self) -> int: ...


class AnswerFacts(Protocol):
    """What an answer says, as far as it is believed. Names are lower-cased wire form, TTLs in seconds."""

    @property
    def addresses(self) -> tuple[AddressRecord, ...]: ...
    @property
    def aliases(self) -> tuple[AliasRecord, ...]: ...
