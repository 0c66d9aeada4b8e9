"""Which records somebody wants to see."""

from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Self

from dnsguard.domains import DomainPattern
from dnsguard.observe.record import Record


@dataclass(frozen=True, slots=True)
class Wanted:
    """A filter; what is empty asks for nothing."""

    client: str = ""
    """An endpoint, ``namespace/name``."""

    address: bytes = b""
    """Packed, of the client."""

    pattern: DomainPattern | None = None
    """Of the name that was asked."""

    denied: bool = False
    """Only what was refused or failed."""

    @classmethod
    def of(cls, client: str, name: str, *, denied: bool) -> Self:
        """``client``: an endpoint or an address; ``name``: a domain pattern. Raises DomainPatternError."""
        address = b""
        with suppress(ValueError):
            address = ip_address(client).packed
        return cls("" if address else client, address, DomainPattern.parse(name) if name else None, denied)

    def __call__(self, record: Record) -> bool:
        return (
            (not self.denied or record.denied)
            and (not self.client or record.client == self.client)
            and (not self.address or record.client_address == self.address)
            and (self.pattern is None or self.pattern.matches(record.name))
        )
