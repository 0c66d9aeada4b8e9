"""The vocabulary of a ruleset: matches, statements, rules, chains, sets, the plan. Pure values.

Every value says the same thing in nft's text (`render`) and in netlink (`encode`). A match holds or the rule ends
there; statements happen in order.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import NamedTuple

from dnsguard.calc.compiled import Network
from dnsguard.netlink.nftables import Hook


class Side(StrEnum):
    """Which address or port of the packet."""

    SOURCE = "s"
    DESTINATION = "d"


class Way(StrEnum):
    """Which interface of the packet."""

    IN = "iifname"
    OUT = "oifname"


@dataclass(frozen=True, slots=True)
class Family:
    """The packet is IPv4 or IPv6."""

    version: int


@dataclass(frozen=True, slots=True)
class Protocol:
    """The protocol after the network header (and its extensions)."""

    number: int
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Port:
    """A port of ``protocol`` is in the range; ``protocol`` None looks at the port's place whatever the protocol is."""

    protocol: int | None
    side: Side
    first: int
    last: int
    negated: bool = False


@dataclass(frozen=True, slots=True)
class PortIn:
    """A port of ``protocol`` is in the set."""

    protocol: int | None
    side: Side
    set_name: str
    negated: bool = False


@dataclass(frozen=True, slots=True)
class AddressWithin:
    """An address is in one network."""

    side: Side
    network: Network
    negated: bool = False


@dataclass(frozen=True, slots=True)
class AddressIn:
    """An address is in the set."""

    side: Side
    family: int
    set_name: str
    negated: bool = False


@dataclass(frozen=True, slots=True)
class LeasedTo:
    """The pair (source, destination) is in the lease set."""

    family: int
    set_name: str


@dataclass(frozen=True, slots=True)
class TripleIn:
    """(address, protocol, port) of one side is in the set."""

    side: Side
    family: int
    set_name: str
    negated: bool = False


class IcmpField(StrEnum):
    TYPE = "type"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Icmp:
    """The type or code of an ICMP (family 4) or ICMPv6 (family 6) packet is in the range."""

    family: int
    field: IcmpField
    first: int
    last: int
    negated: bool = False


@dataclass(frozen=True, slots=True)
class HopLimit:
    """The hop limit of an IPv6 packet."""

    value: int


@dataclass(frozen=True, slots=True)
class Interface:
    """The interface's name; a trailing ``*`` stands for any rest."""

    way: Way
    name: str


@dataclass(frozen=True, slots=True)
class InterfaceIn:
    """The interface's name is in the set."""

    way: Way
    set_name: str


@dataclass(frozen=True, slots=True)
class ArrivesWith:
    """The pair (incoming interface, source address) is in the set."""

    family: int
    set_name: str
    negated: bool = False


@dataclass(frozen=True, slots=True)
class ConnectionState:
    """The connection is in one of the states (`netlink.expressions.STATE_…` bits)."""

    states: int


@dataclass(frozen=True, slots=True)
class Marked:
    """The packet mark has the bit."""

    bit: int


@dataclass(frozen=True, slots=True)
class SetMark:
    """Set the bit in the packet mark, leave the others."""

    bit: int


@dataclass(frozen=True, slots=True)
class ClearMark:
    """Clear the bits in the packet mark, leave the others."""

    bits: int


@dataclass(frozen=True, slots=True)
class Count:
    """Count in a named counter."""

    counter: str


@dataclass(frozen=True, slots=True)
class Log:
    """Send to an NFLOG group, at most ``per_second``."""

    prefix: str
    group: int
    per_second: int


@dataclass(frozen=True, slots=True)
class AddressMap:
    """The verdict that the map holds for an address; go on when it holds none."""

    side: Side
    family: int
    map_name: str


@dataclass(frozen=True, slots=True)
class InterfaceMap:
    """The verdict that the map holds for an interface name; go on when it holds none."""

    way: Way
    map_name: str


@dataclass(frozen=True, slots=True)
class Jump:
    """Go on in the chain, and after its end here."""

    chain: str


@dataclass(frozen=True, slots=True)
class Goto:
    """Go on in the chain, and after its end where this chain was called."""

    chain: str


class Verdict(Enum):
    """What ends a rule without naming a chain. NOTRACK alone goes on."""

    ACCEPT = "accept"
    DROP = "drop"
    RETURN = "return"
    REJECT = "reject with icmpx admin-prohibited"
    NOTRACK = "notrack"


Match = (
    Family | Protocol | Port | PortIn | AddressWithin | AddressIn | LeasedTo | TripleIn | Icmp | HopLimit | Interface
    | InterfaceIn | ArrivesWith | ConnectionState | Marked
)  # fmt: skip
Statement = SetMark | ClearMark | Count | Log | AddressMap | InterfaceMap | Jump | Goto | Verdict


@dataclass(frozen=True, slots=True)
class Rule:
    """One kernel rule."""

    parts: tuple[Match | Statement, ...]
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain. A base chain has a fixed name and a hook; any other is named by its content and never changes."""

    name: str
    rules: tuple[Rule, ...]
    hook: Hook | None = None
    comment: str = ""


class KeyType(Enum):
    """What a set holds: nft's name, nft's numbers of the fields, bytes in a key."""

    IPV4 = ("ipv4_addr", (7,), 4)
    IPV6 = ("ipv6_addr", (8,), 16)
    IPV4_PAIR = ("ipv4_addr . ipv4_addr", (7, 7), 8)
    IPV6_PAIR = ("ipv6_addr . ipv6_addr", (8, 8), 32)
    IPV4_TRIPLE = ("ipv4_addr . inet_proto . inet_service", (7, 12, 13), 12)
    IPV6_TRIPLE = ("ipv6_addr . inet_proto . inet_service", (8, 12, 13), 24)
    PORT = ("inet_service", (13,), 2)
    INTERFACE = ("ifname", (41,), 16)
    INTERFACE_IPV4 = ("ifname . ipv4_addr", (41, 7), 20)
    INTERFACE_IPV6 = ("ifname . ipv6_addr", (41, 8), 32)

    def __init__(self, text: str, fields: tuple[int, ...], length: int) -> None:
        self.text = text
        self.length = length
        self.number = 0
        for number in fields:
            self.number = self.number << 6 | number


@dataclass(frozen=True, slots=True)
class HashSet:
    """A set of single keys; the plan owns its content."""

    name: str
    key_type: KeyType
    keys: frozenset[bytes]
    """In network order; concatenated fields padded to four bytes each."""

    comment: str = ""


@dataclass(frozen=True, slots=True)
class IntervalSet:
    """A set of disjoint ranges; the plan owns its content."""

    name: str
    key_type: KeyType
    ranges: tuple[tuple[int, int], ...]
    """First and last key of each, as numbers, ascending and disjoint."""

    comment: str = ""


@dataclass(frozen=True, slots=True)
class LeaseSet:
    """(client, destination) pairs with timeouts. The forwarder owns the content; the plan only says that it exists."""

    name: str
    key_type: KeyType
    gc_seconds: int = 30
    """How often the kernel clears expired elements away; they stop matching at once either way."""

    comment: str = ""


class Entry(NamedTuple):
    """What a verdict map says of one key."""

    chain: str | None
    """The chain to jump to; None accepts."""

    label: str = ""
    """A comment, for people."""


@dataclass(frozen=True, slots=True)
class VerdictMap:
    """Keys and what to do with them."""

    name: str
    key_type: KeyType
    entries: Mapping[bytes, Entry] = field(hash=False)
    comment: str = ""


Set = HashSet | IntervalSet | LeaseSet | VerdictMap


@dataclass(frozen=True, slots=True)
class Plan:
    """One table. Chains come after the chains they refer to; base chains last."""

    table: str
    sets: tuple[Set, ...]
    """Lease sets first: the kernel looks sets up by name in the order of their creation."""

    counters: tuple[str, ...]
    chains: tuple[Chain, ...]
    warnings: tuple[str, ...] = ()
    """What of the compiled policy could not be placed on this node, and why."""
