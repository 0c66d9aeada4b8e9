"""A plan's parts as nf_tables messages. Pure.

Expressions come in the order in which nft itself emits them, dependencies included (`meta nfproto` before the first
look into the network header, `meta l4proto` before a port), so that `nft list` prints them as what they are.
"""

import sys
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address

from dnsguard.dataplane.frames import Frame, FrameField, FrameMatch, LinkLocalTarget, NoArpAddress, PortSays, Says
from dnsguard.dataplane.rules import (
    AddressIn,
    AddressMap,
    AddressWithin,
    ArrivesWith,
    BridgeIn,
    Chain,
    ClearMark,
    ConnectionMarked,
    ConnectionState,
    ConnectionStatus,
    CopyToLoopback,
    Count,
    Family,
    FamilyIn,
    FromMachine,
    GiveTo,
    GoesBack,
    Goto,
    HopLimit,
    Icmp,
    IcmpField,
    Interface,
    InterfaceIn,
    InterfaceMap,
    IsOriginal,
    IsReply,
    Jump,
    LeasedTo,
    LeavesWith,
    Log,
    MarkConnection,
    Marked,
    Match,
    Port,
    PortIn,
    Protocol,
    Rule,
    SetMark,
    Side,
    Statement,
    ToMachine,
    TripleIn,
    Verdict,
    Way,
    WithinShare,
)
from dnsguard.dataplane.sets import (
    FAMILY_KEYS,
    SENTINEL_COMMENT,
    AliveSet,
    HashSet,
    IntervalSet,
    KeyType,
    LeaseSet,
    Set,
    ShareSet,
    VerdictMap,
)
from dnsguard.netlink import expressions as ex
from dnsguard.netlink import nftables
from dnsguard.netlink.nftables import Element, Message

_ADDRESS_PLACE = {(4, Side.SOURCE): (12, 4), (4, Side.DESTINATION): (16, 4), (6, Side.SOURCE): (8, 16),
                  (6, Side.DESTINATION): (24, 16)}  # fmt: skip
_PORT_OFFSET = {Side.SOURCE: 0, Side.DESTINATION: 2}
_ICMP_PROTOCOL = {4: 1, 6: 58}
_ICMP_OFFSET = {IcmpField.TYPE: 0, IcmpField.CODE: 1}
_HOP_LIMIT_OFFSET = 7
_ETHER_TYPE_OFFSET = 12
_BRIDGE_OF = {Way.IN: ex.META_BRIDGE_IN, Way.OUT: ex.META_BRIDGE_OUT}
_LINK_LOCAL, _LINK_LOCAL_MASK = b"\xfe\x80", b"\xff\xc0"
_LOOPBACK = {4: IPv4Address("127.0.0.1").packed, 6: IPv6Address("::1").packed}
_LOOPBACK_LINK = 1
"""The number of the interface, in every network namespace (``LOOPBACK_IFINDEX``)."""

_FULL_MARK = 0xFFFFFFFF


def set_message(table: str, item: Set) -> Message:
    """Create the set without content."""
    return nftables.add_set(
        table,
        item.name,
        key_type=item.key_type.number,
        key_length=item.key_type.length,
        flags=set_flags(item),
        size=item.size if isinstance(item, ShareSet) else None,
        timeout_ms=item.seconds * 1000 if isinstance(item, ShareSet) else None,
        gc_interval_ms=item.gc_seconds * 1000 if isinstance(item, LeaseSet) else None,
        host_order=item.key_type is KeyType.INTERFACE,
        typeof=item.key_type.typeof,
        comment=item.comment,
    )


def set_flags(item: Set) -> int:
    """The kernel's flags of a set of this kind."""
    match item:
        case IntervalSet():
            return nftables.SET_INTERVAL
        case LeaseSet() | AliveSet():
            return nftables.SET_TIMEOUT
        case ShareSet():
            return nftables.SET_TIMEOUT | nftables.SET_DYNAMIC
        case VerdictMap():
            return nftables.SET_MAP
        case HashSet():
            return 0


def interval_elements(key_type: KeyType, ranges: Iterable[tuple[int, int]]) -> Iterator[Element]:
    """Each range as its first key, and the first key after it marked as an end; the last key of all needs none."""
    length = key_type.length
    beyond = 1 << length * 8
    for first, last in ranges:
        yield Element(first.to_bytes(length, "big"))
        if last + 1 < beyond:
            yield Element((last + 1).to_bytes(length, "big"), interval_end=True)


def content(item: HashSet | IntervalSet | LeaseSet | AliveSet | ShareSet) -> Iterable[Element]:
    """All elements of a set as it is made."""
    match item:
        case HashSet():
            return [Element(key) for key in sorted(item.keys)]
        case IntervalSet():
            return interval_elements(item.key_type, item.ranges)
        case LeaseSet():
            return [Element(item.sentinel, comment=SENTINEL_COMMENT)]
        case AliveSet():
            return [Element(key, item.timeout_ms) for key in FAMILY_KEYS.values()]
        case ShareSet():
            return ()


def map_element(item: VerdictMap, key: bytes) -> Element:
    chain, label = item.entries[key]
    verdict = (ex.VERDICT_ACCEPT, None) if chain is None else (ex.VERDICT_JUMP, chain)
    return Element(key, verdict=verdict, comment=label)


def chain_message(table: str, chain: Chain) -> Message:
    """Create the chain without rules."""
    return nftables.add_chain(table, chain.name, chain.hook, chain.comment)


def rule_message(table: str, chain: str, rule: Rule) -> Message:
    """Append the rule. Its comment says which it is, where the kernel refuses it."""
    message = nftables.add_rule(table, chain, _expressions(rule), rule.comment)
    return message._replace(subject=f"{chain} ({rule.comment})") if rule.comment else message


class _Emitted:
    """The expressions so far, and what they have made sure of."""

    def __init__(self) -> None:
        self.expressions: list[bytes] = []
        self._family: int | None = None
        self._protocol: int | None = None

    def add(self, *expressions: bytes) -> None:
        self.expressions += expressions

    def require_family(self, version: int) -> None:
        if self._family != version:
            self._family = version
            self.add(ex.meta(ex.META_NFPROTO), ex.compare(ex.EQUAL, FAMILY_KEYS[version]))

    def know_family(self, version: int | None) -> None:
        """The rule has made sure by other means."""
        self._family = version

    def require_protocol(self, number: int) -> None:
        if self._protocol != number:
            self._protocol = number
            self.add(ex.meta(ex.META_L4PROTO), ex.compare(ex.EQUAL, bytes((number,))))

    def address(self, side: Side, version: int, register: int = ex.REGISTER_1) -> None:
        offset, length = _ADDRESS_PLACE[version, side]
        self.add(ex.payload(ex.NETWORK_HEADER, offset, length, register))

    def port(self, side: Side, register: int = ex.REGISTER_1) -> None:
        self.add(ex.payload(ex.TRANSPORT_HEADER, _PORT_OFFSET[side], 2, register))


def _expressions(rule: Rule) -> list[bytes]:
    emitted = _Emitted()
    for part in rule.parts:
        if isinstance(part, Statement):
            _emit_statement(emitted, part)
        else:
            _emit_match(emitted, part)
    return emitted.expressions


def _emit_match(out: _Emitted, match: Match) -> None:
    match match:
        case Family(version):
            out.require_family(version)
        case FamilyIn(set_name, negated):
            out.add(ex.meta(ex.META_NFPROTO), ex.lookup(set_name, negated=negated))
        case Protocol(number, False):
            out.require_protocol(number)
        case Protocol(number, True):
            out.add(ex.meta(ex.META_L4PROTO), ex.compare(ex.NOT_EQUAL, bytes((number,))))
        case Port(protocol, side, first, last, negated):
            if protocol is not None:
                out.require_protocol(protocol)
            out.port(side)
            _emit_range(out, first.to_bytes(2, "big"), last.to_bytes(2, "big"), negated)
        case PortIn(protocol, side, set_name, negated):
            if protocol is not None:
                out.require_protocol(protocol)
            out.port(side)
            out.add(ex.lookup(set_name, negated=negated))
        case AddressWithin(side, network, negated):
            out.require_family(network.version)
            out.address(side, network.version)
            if network.prefixlen < network.max_prefixlen:
                out.add(ex.bitwise(network.netmask.packed, bytes(len(network.netmask.packed))))
            out.add(ex.compare(ex.NOT_EQUAL if negated else ex.EQUAL, network.network_address.packed))
        case AddressIn(side, family, set_name, negated):
            out.require_family(family)
            out.address(side, family)
            out.add(ex.lookup(set_name, negated=negated))
        case LeasedTo(family, set_name):
            out.require_family(family)
            out.address(Side.SOURCE, family)
            out.address(Side.DESTINATION, family, ex.REGISTER32_01 if family == 4 else ex.REGISTER_2)
            out.add(ex.lookup(set_name))
        case TripleIn(side, family, set_name, negated):
            out.require_family(family)
            out.address(side, family)
            out.add(ex.meta(ex.META_L4PROTO, ex.REGISTER32_01 if family == 4 else ex.REGISTER_2))
            out.port(side, ex.REGISTER32_02 if family == 4 else ex.REGISTER32_05)
            out.add(ex.lookup(set_name, negated=negated))
        case Icmp(family, field, first, last, negated):
            out.require_family(family)
            out.require_protocol(_ICMP_PROTOCOL[family])
            out.add(ex.payload(ex.TRANSPORT_HEADER, _ICMP_OFFSET[field], 1))
            _emit_range(out, bytes((first,)), bytes((last,)), negated)
        case HopLimit(value):
            out.require_family(6)
            out.add(ex.payload(ex.NETWORK_HEADER, _HOP_LIMIT_OFFSET, 1), ex.compare(ex.EQUAL, bytes((value,))))
        case Interface(way, name, negated):
            compared = name[:-1].encode() if name.endswith("*") else name.encode().ljust(16, b"\0")
            out.add(_interface(way), ex.compare(ex.NOT_EQUAL if negated else ex.EQUAL, compared))
        case InterfaceIn(way, set_name, negated):
            out.add(_interface(way), ex.lookup(set_name, negated=negated))
        case BridgeIn(way, set_name):
            out.add(ex.meta(_BRIDGE_OF[way]), ex.lookup(set_name))
        case ArrivesWith(family, set_name, negated):
            out.require_family(family)
            out.add(_interface(Way.IN))
            out.address(Side.SOURCE, family, ex.REGISTER_2)
            out.add(ex.lookup(set_name, negated=negated))
        case LeavesWith(family, set_name, negated):
            out.require_family(family)
            out.add(_interface(Way.OUT))
            out.address(Side.DESTINATION, family, ex.REGISTER_2)
            out.add(ex.lookup(set_name, negated=negated))
        case Frame() | Says() | PortSays() | NoArpAddress() | LinkLocalTarget():
            _emit_frame_match(out, match)
        case ConnectionState(states):
            mask = _host_order(states)
            out.add(ex.connection(ex.CT_STATE), ex.bitwise(mask, bytes(4)), ex.compare(ex.NOT_EQUAL, bytes(4)))
        case ConnectionStatus(bits):
            mask = _host_order(bits)
            out.add(ex.connection(ex.CT_STATUS), ex.bitwise(mask, bytes(4)), ex.compare(ex.NOT_EQUAL, bytes(4)))
        case ConnectionMarked(mask_bits, value, negated):
            operator = ex.NOT_EQUAL if negated else ex.EQUAL
            out.add(ex.connection(ex.CT_MARK), ex.bitwise(_host_order(mask_bits), bytes(4)))
            out.add(ex.compare(operator, _host_order(_known(value))))
        case IsReply():
            out.add(ex.connection(ex.CT_DIRECTION), ex.compare(ex.EQUAL, bytes((ex.DIRECTION_REPLY,))))
        case IsOriginal():
            out.add(ex.connection(ex.CT_DIRECTION), ex.compare(ex.EQUAL, bytes((ex.DIRECTION_ORIGINAL,))))
        case ToMachine():
            out.add(ex.address_type(), ex.compare(ex.EQUAL, _host_order(ex.TYPE_LOCAL)))
        case GoesBack():
            out.add(ex.goes_back(), ex.compare(ex.EQUAL, _host_order(1)))
        case FromMachine():
            out.add(ex.address_type(ex.FIB_SOURCE), ex.compare(ex.EQUAL, _host_order(ex.TYPE_LOCAL)))
        case WithinShare(way, set_name, per_second):
            out.add(_interface(way), ex.within_limit(set_name, per_second, 1, per_second))
        case Marked(bit, negated):
            mask = _host_order(bit)
            wanted = bytes(4) if negated else mask
            out.add(ex.meta(ex.META_MARK), ex.bitwise(mask, bytes(4)), ex.compare(ex.EQUAL, wanted))


def _emit_frame_match(out: _Emitted, match: FrameMatch) -> None:
    match match:
        case Frame(kind):
            number = kind.number.to_bytes(2, "big")
            out.add(ex.payload(ex.LINK_HEADER, _ETHER_TYPE_OFFSET, 2), ex.compare(ex.EQUAL, number))
            out.know_family(kind.version)
        case Says(field, set_name):
            out.add(ex.payload(*field.place), ex.lookup(set_name))
        case PortSays(field, set_name, negated):
            out.add(_interface(Way.IN), ex.payload(*field.place, ex.REGISTER_2), ex.lookup(set_name, negated=negated))
        case NoArpAddress():
            out.add(ex.payload(*FrameField.ARP_ADDRESS.place), ex.compare(ex.EQUAL, bytes(4)))
        case LinkLocalTarget():
            header, offset, _ = FrameField.TARGET.place
            out.add(ex.payload(header, offset, 2), ex.bitwise(_LINK_LOCAL_MASK, bytes(2)))
            out.add(ex.compare(ex.EQUAL, _LINK_LOCAL))


def _emit_statement(out: _Emitted, statement: Statement) -> None:
    match statement:
        case SetMark(bit):
            changed = ex.bitwise(_host_order(_FULL_MARK & ~bit), _host_order(bit))
            out.add(ex.meta(ex.META_MARK), changed, ex.set_meta(ex.META_MARK))
        case ClearMark(bits):
            changed = ex.bitwise(_host_order(_FULL_MARK & ~bits), bytes(4))
            out.add(ex.meta(ex.META_MARK), changed, ex.set_meta(ex.META_MARK))
        case MarkConnection(mask, value):
            changed = ex.bitwise(_host_order(_FULL_MARK & ~mask), _host_order(_known(value)))
            out.add(ex.connection(ex.CT_MARK), changed, ex.set_connection(ex.CT_MARK))
        case Count(counter):
            out.add(ex.counter(counter))
        case Log(prefix, group, per_second):
            out.add(ex.limit(per_second, 1, per_second), ex.log(group, prefix))
        case GiveTo(family, port):
            out.require_family(family)
            out.add(ex.load(_LOOPBACK[family]), ex.load(port.to_bytes(2, "big"), ex.REGISTER_2))
            out.add(ex.transparent_proxy(FAMILY_KEYS[family][0]))
        case CopyToLoopback(family):
            out.add(ex.load(_LOOPBACK[family]), ex.load(_host_order(_LOOPBACK_LINK), ex.REGISTER_2), ex.duplicate())
        case AddressMap(side, family, map_name):
            out.require_family(family)
            out.address(side, family)
            out.add(ex.lookup_verdict(map_name))
        case InterfaceMap(way, map_name):
            out.add(_interface(way), ex.lookup_verdict(map_name))
        case Jump(chain):
            out.add(ex.verdict(ex.VERDICT_JUMP, chain))
        case Goto(chain):
            out.add(ex.verdict(ex.VERDICT_GOTO, chain))
        case Verdict.ACCEPT:
            out.add(ex.verdict(ex.VERDICT_ACCEPT))
        case Verdict.DROP:
            out.add(ex.verdict(ex.VERDICT_DROP))
        case Verdict.RETURN:
            out.add(ex.verdict(ex.VERDICT_RETURN))
        case Verdict.REJECT:
            out.add(ex.reject())
        case Verdict.NOTRACK:
            out.add(ex.notrack())


def _emit_range(out: _Emitted, first: bytes, last: bytes, negated: bool) -> None:
    if first == last:
        out.add(ex.compare(ex.NOT_EQUAL if negated else ex.EQUAL, first))
    elif negated:
        out.add(ex.in_range(first, last, negated=True))
    else:
        out.add(ex.compare(ex.GREATER_OR_EQUAL, first), ex.compare(ex.LESS_OR_EQUAL, last))


def _known(value: int | None) -> int:
    if value is None:
        raise ValueError("which revision is in force is not said")
    return value


def _interface(way: Way) -> bytes:
    return ex.meta(ex.META_IIFNAME if way is Way.IN else ex.META_OIFNAME)


def _host_order(value: int) -> bytes:
    return value.to_bytes(4, sys.byteorder)
