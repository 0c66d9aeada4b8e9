"""A packet as policy sees it: the first one of a connection."""

from dataclasses import dataclass

from dnsguard.calc.compiled import Address
from dnsguard.errors import DnsguardError

TCP = 6
UDP = 17
ICMP = 1
ICMPV6 = 58
SCTP = 132


class ImpossiblePacketError(DnsguardError):
    """No such packet can exist: its ends are of different IP families."""


@dataclass(frozen=True, slots=True)
class Packet:
    """Addresses are those seen where policy is judged: after DNAT, before SNAT."""

    source: Address
    destination: Address
    protocol: int
    """IANA protocol number."""

    source_port: int | None = None
    """None where the protocol has no ports, or where it is not known: then a rule that asks for one does not match."""

    destination_port: int | None = None
    icmp_type: int | None = None
    icmp_code: int | None = None

    def __post_init__(self) -> None:
        if self.source.version != self.destination.version:
            raise ImpossiblePacketError(f"{self.source} and {self.destination} are of different IP families")

    @property
    def ip_version(self) -> int:
        """4 or 6."""
        return self.source.version

    @property
    def is_icmp(self) -> bool:
        """ICMP over IPv4, ICMPv6 over IPv6; the one over the other is just a protocol number."""
        return self.protocol == (ICMP if self.ip_version == 4 else ICMPV6)
