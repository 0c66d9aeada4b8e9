"""The vocabulary of rules about Ethernet frames, for tables of family ``bridge``. Pure values."""

from dataclasses import dataclass
from enum import Enum

from dnsguard.netlink.expressions import LINK_HEADER, NETWORK_HEADER, TRANSPORT_HEADER


class EtherType(Enum):
    """What a frame carries: nft's name, the number, and the IP version where it is one."""

    IPV4 = "ip", 0x0800, 4
    IPV6 = "ip6", 0x86DD, 6
    ARP = "arp", 0x0806, None

    def __init__(self, text: str, number: int, version: int | None) -> None:
        self.text = text
        self.number = number
        self.version = version


class FrameField(Enum):
    """A part of a frame: nft's name, and where it is (header, offset, length)."""

    HARDWARE = "ether saddr", LINK_HEADER, 6, 6
    ARP_HARDWARE = "arp saddr ether", NETWORK_HEADER, 8, 6
    ARP_ADDRESS = "arp saddr ip", NETWORK_HEADER, 14, 4
    TARGET = "@th,64,128", TRANSPORT_HEADER, 8, 16
    """The address that a neighbour solicitation or advertisement is about."""

    def __init__(self, text: str, header: int, offset: int, length: int) -> None:
        self.text = text
        self.place = header, offset, length


@dataclass(frozen=True, slots=True)
class Frame:
    """The frame carries this, with no VLAN tag around it. Stands before whatever looks into the packet."""

    kind: EtherType


@dataclass(frozen=True, slots=True)
class Says:
    """What the frame says there is in the set."""

    field: FrameField
    set_name: str


@dataclass(frozen=True, slots=True)
class PortSays:
    """The pair (incoming port, what the frame says there) is in the set."""

    field: FrameField
    set_name: str
    negated: bool = False


@dataclass(frozen=True, slots=True)
class NoArpAddress:
    """An ARP packet whose sender has no address yet (RFC 5227)."""


@dataclass(frozen=True, slots=True)
class LinkLocalTarget:
    """A neighbour solicitation or advertisement is about a link-local address."""


FrameMatch = Frame | Says | PortSays | NoArpAddress | LinkLocalTarget
