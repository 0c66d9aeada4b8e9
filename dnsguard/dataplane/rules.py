"""The vocabulary of a ruleset: matches, statements, rules, chains, the plan. Pure values.

Every value says the same thing in nft's text (`render`) and in netlink (`encode`). A match holds or the rule ends
there; statements happen in order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum

from dnsguard.calc.compiled import Network
from dnsguard.dataplane import naming
from dnsguard.dataplane.frames import FrameMatch
from dnsguard.dataplane.sets import Set
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
class FamilyIn:
    """The packet's family is in the set."""

    set_name: str
    negated: bool = False


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
    negated: bool = False


@dataclass(frozen=True, slots=True)
class InterfaceIn:
    """The interface's name is in the set."""

    way: Way
    set_name: str
    negated: bool = False


@dataclass(frozen=True, slots=True)
class BridgeIn:
    """The name of the bridge that the interface is a port of is in the set. For tables of family ``bridge``."""

    way: Way
    set_name: str


@dataclass(frozen=True, slots=True)
class ArrivesWith:
    """The pair (incoming interface, source address) is in the set."""

    family: int
    set_name: str
    negated: bool = False


@dataclass(frozen=True, slots=True)
class LeavesWith:
    """The pair (outgoing interface, destination address) is in the set."""

    family: int
    set_name: str
    negated: bool = False


@dataclass(frozen=True, slots=True)
class ConnectionState:
    """The connection is in one of the states (`netlink.expressions.STATE_…` bits)."""

    states: int


@dataclass(frozen=True, slots=True)
class ConnectionStatus:
    """Connection tracking says one of these of the connection (`netlink.expressions.STATUS_…` bits)."""

    bits: int


@dataclass(frozen=True, slots=True)
class ConnectionMarked:
    """The bits of ``mask`` in the connection's mark are ``value``; None: the revision of policy in force."""

    mask: int
    value: int | None
    negated: bool = False


@dataclass(frozen=True, slots=True)
class IsReply:
    """The packet goes back to who began the connection."""


@dataclass(frozen=True, slots=True)
class IsOriginal:
    """The packet goes where the first one of its connection went."""


@dataclass(frozen=True, slots=True)
class ToMachine:
    """The destination is an address of the machine itself."""


@dataclass(frozen=True, slots=True)
class FromMachine:
    """The source is an address of the machine itself."""


@dataclass(frozen=True, slots=True)
class GoesBack:
    """The node routes the destination to the interface that the packet came by."""


@dataclass(frozen=True, slots=True)
class Marked:
    """The packet mark has the bit."""

    bit: int
    negated: bool = False


@dataclass(frozen=True, slots=True)
class WithinShare:
    """The interface has had at most ``per_second`` such packets; each has a share of its own in the set."""

    way: Way
    set_name: str
    per_second: int


@dataclass(frozen=True, slots=True)
class SetMark:
    """Set the bit in the packet mark, leave the others."""

    bit: int


@dataclass(frozen=True, slots=True)
class ClearMark:
    """Clear the bits in the packet mark, leave the others."""

    bits: int


@dataclass(frozen=True, slots=True)
class MarkConnection:
    """Make the bits of ``mask`` in the connection's mark ``value``, leave the others; None: the revision in force.

    A packet without a connection leaves the rule here."""

    mask: int
    value: int | None


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
class GiveTo:
    """Give a TCP or UDP packet of the family, unchanged, to the transparent socket at this port of loopback. Where
    nobody listens there, the rule ends."""

    family: int
    port: int


@dataclass(frozen=True, slots=True)
class CopyToLoopback:
    """Have a copy of the packet come in by loopback, mark and addresses as they are. For tables of one IP version."""

    family: int


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
    Family | FamilyIn | Protocol | Port | PortIn | AddressWithin | AddressIn | LeasedTo | TripleIn | Icmp | HopLimit
    | Interface | InterfaceIn | BridgeIn | ArrivesWith | LeavesWith | ConnectionState | ConnectionStatus
    | ConnectionMarked | IsReply | IsOriginal | ToMachine | FromMachine | GoesBack | Marked | WithinShare | FrameMatch
)  # fmt: skip
Statement = (
    SetMark
    | ClearMark
    | MarkConnection
    | Count
    | Log
    | GiveTo
    | CopyToLoopback
    | AddressMap
    | InterfaceMap
    | Jump
    | Goto
    | Verdict
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One kernel rule."""

    parts: tuple[Match | Statement, ...]
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain. A base chain has a hook; it and a door keep their names while their rules are replaced. Any other is
    named by its content and never changes."""

    name: str
    rules: tuple[Rule, ...]
    hook: Hook | None = None
    comment: str = ""
    is_door: bool = False
    """Of a policy or profile: its rules, or the way to them, whatever they are at the time."""

    names_revision: bool = False
    """A door whose rules have a part that stands for the revision in force; see `revision`."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One table. Chains come after the chains they refer to; base chains last."""

    table: str
    sets: tuple[Set, ...]
    """Lease sets first: the kernel looks sets up by name in the order of their creation."""

    counters: tuple[str, ...]
    """Sorted, each once."""

    chains: tuple[Chain, ...]
    warnings: tuple[str, ...] = ()
    """What of the compiled policy could not be placed on this node, and why."""

    mark_mask: int = 0
    """The bits of connections' marks that carry the revision of policy; 0 where none do."""

    family: str = "inet"
    beside: "Plan | None" = None
    """The table of family ``bridge`` that goes with it; None where no workload is behind a bridge."""

    turning: tuple["Plan", ...] = ()
    """The tables, one for each IP version, that go with it where DNS of workloads behind bridges is intercepted."""

    bridges: tuple[str, ...] = ()
    """Those with workloads: what passes between their ports must be brought to the IP hooks."""


def content_chain(label: str, rules: Sequence[Rule], comment: str = "") -> Chain:
    """A chain that is named by what it does."""
    held = tuple(rules)
    return Chain(naming.chain_name(label, repr(held)), held, comment=naming.comment(comment))
