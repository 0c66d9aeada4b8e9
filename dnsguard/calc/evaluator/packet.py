"""A packet as policy sees it: mostly the first one of a connection."""

from dataclasses import dataclass
from enum import StrEnum

from dnsguard.calc.compiled import Address
from dnsguard.errors import DnsguardError

IPIP = 4
TCP = 6
UDP = 17
ICMP = 1
ICMPV6 = 58
SCTP = 132


_FROM_ANYONE = {130: 1, 131: 1, 132: 1, 143: 1, 133: 255, 135: 255, 136: 255}
_FROM_ROUTERS = {134: 255, 137: 255}
"""ICMPv6 type → hop limit of neighbour discovery (RFC 4861) and listener discovery (RFC 2710, 3810)."""


class PacketState(StrEnum):
    """What connection tracking says of a packet."""

    NEW = "new"
    ESTABLISHED = "established"
    RELATED = "related"
    INVALID = "invalid"
    UNTRACKED = "untracked"


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
    state: PacketState = PacketState.NEW
    is_reply: bool = False
    """It belongs to a connection and goes to who began it."""

    hop_limit: int | None = None
    """Of an IPv6 packet; None where it is not known: then it is the one that a packet of that kind has."""

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

    @property
    def is_tracked(self) -> bool:
        """Connection tracking leaves neighbour discovery alone, redirects excepted, and what it was told to."""
        alone = self.ip_version == 6 and self.protocol == ICMPV6 and self.icmp_type in {*_FROM_ANYONE, 134}
        return self.state is not PacketState.UNTRACKED and not alone

    def is_discovery(self, *, from_router: bool) -> bool:
        """IPv6 neighbour or listener discovery; of the kind that only routers send, or of any node's."""
        if self.ip_version != 6 or self.protocol != ICMPV6 or self.icmp_type is None:
            return False
        wanted = (_FROM_ROUTERS if from_router else _FROM_ANYONE).get(self.icmp_type)
        return wanted is not None and self.hop_limit in (None, wanted)

    @property
    def is_discovery_on_link(self) -> bool:
        """The same, of any node's, and no router passed it on. Of listener discovery the hop limit does not show that
        where one has been taken away already; but nobody forwards what comes from a link-local address, or from
        none."""
        if not self.is_discovery(from_router=False):
            return False
        return _FROM_ANYONE[self.icmp_type or 0] > 1 or self.source.is_link_local or self.source.is_unspecified
