"""A plan as text in nft's language, loadable with `nft -f`. Pure.

For people and for tests; the kernel gets netlink (`encode`). Loading either gives the same `nft list table`.
"""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, summarize_address_range
from typing import assert_never

from dnsguard.dataplane.frames import Frame, LinkLocalTarget, NoArpAddress, PortSays, Says
from dnsguard.dataplane.revision import Revision, at
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
    Plan,
    Port,
    PortIn,
    Protocol,
    Rule,
    SetMark,
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
from dnsguard.netlink import expressions

_PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 58: "ipv6-icmp", 132: "sctp", 136: "udplite"}
_PORT_PROTOCOLS = {6: "tcp", 17: "udp", 132: "sctp", 136: "udplite"}
_STATES = {
    expressions.STATE_INVALID: "invalid",
    expressions.STATE_ESTABLISHED: "established",
    expressions.STATE_RELATED: "related",
    expressions.STATE_NEW: "new",
    expressions.STATE_UNTRACKED: "untracked",
}
_STATUSES = {expressions.STATUS_EXPECTED: "expected", expressions.STATUS_CONFIRMED: "confirmed"}
_IP = {4: "ip", 6: "ip6"}
_LOOPBACK = {4: "127.0.0.1", 6: "[::1]"}


def render(plan: Plan) -> str:
    """The whole table, at the first revision of policy, and the one beside it. Loads into tables that are absent or
    empty of these names."""
    revision = Revision(plan.mark_mask) if plan.mark_mask else None
    lines = [f"table {plan.family} {plan.table} {{"]
    for counter in plan.counters:
        lines += [f"\tcounter {counter} {{", "\t}", ""]
    for item in plan.sets:
        lines += [*_set_lines(item), ""]
    for chain in plan.chains:
        lines += [*_chain_lines(at(chain, revision)), ""]
    if lines[-1] == "":
        lines.pop()
    text = "\n".join([*lines, "}", ""])
    beside = () if plan.beside is None else (plan.beside,)
    return "\n".join([text, *map(render, (*beside, *plan.turning))])


def render_rule(rule: Rule) -> str:
    """One rule on one line."""
    words = [_match_text(part) if _is_match(part) else _statement_text(part) for part in _without_implied(rule.parts)]
    if rule.comment:
        words.append(f'comment "{rule.comment}"')
    return " ".join(words)


def _is_match(part: Match | Statement) -> bool:
    return not isinstance(part, Statement)


def _without_implied(parts: Iterable[Match | Statement]) -> Iterator[Match | Statement]:
    """`tcp dport` says the protocol; saying it before is the same rule."""
    items = list(parts)
    said = {part.protocol for part in items if isinstance(part, (Port, PortIn))}
    for part in items:
        if not (isinstance(part, Protocol) and not part.negated and part.number in said):
            yield part


def _set_lines(item: Set) -> Iterator[str]:
    kind = "map" if isinstance(item, VerdictMap) else "set"
    yield f"\t{kind} {item.name} {{"
    match item:
        case HashSet():
            yield f"\t\t{item.key_type.text}"
            elements = [key_text(item.key_type, key) for key in sorted(item.keys)]
        case IntervalSet():
            yield f"\t\t{item.key_type.text}"
            yield "\t\tflags interval"
            elements = [_range_text(item.key_type, first, last) for first, last in item.ranges]
        case LeaseSet():
            yield f"\t\t{item.key_type.text}"
            yield "\t\tflags timeout"
            yield f"\t\tgc-interval {item.gc_seconds}s"
            elements = [f'{key_text(item.key_type, item.sentinel)} comment "{SENTINEL_COMMENT}"']
        case AliveSet():
            yield f"\t\t{item.key_type.text}"
            yield "\t\tflags timeout"
            elements = [f"{key_text(item.key_type, key)} timeout {item.timeout_ms}ms" for key in FAMILY_KEYS.values()]
        case ShareSet():
            yield f"\t\t{item.key_type.text}"
            yield f"\t\tsize {item.size}"
            yield "\t\tflags dynamic,timeout"
            yield f"\t\ttimeout {item.seconds}s"
            elements = []
        case VerdictMap():
            yield f"\t\t{item.key_type.text} : verdict"
            elements = [_map_element(item, key) for key in sorted(item.entries)]
        case _:
            assert_never(item)
    if item.comment:
        yield f'\t\tcomment "{item.comment}"'
    if elements:
        yield "\t\telements = { " + ",\n\t\t\t     ".join(elements) + " }"
    yield "\t}"


def _map_element(item: VerdictMap, key: bytes) -> str:
    chain, label = item.entries[key]
    said = f' comment "{label}"' if label else ""
    return f"{key_text(item.key_type, key)}{said} : {'accept' if chain is None else f'jump {chain}'}"


def key_text(key_type: KeyType, key: bytes) -> str:
    """One key as nft writes it."""
    match key_type:
        case KeyType.IPV4:
            return str(IPv4Address(key))
        case KeyType.IPV6:
            return str(IPv6Address(key))
        case KeyType.IPV4_PAIR:
            return f"{IPv4Address(key[:4])} . {IPv4Address(key[4:])}"
        case KeyType.IPV6_PAIR:
            return f"{IPv6Address(key[:16])} . {IPv6Address(key[16:])}"
        case KeyType.IPV4_TRIPLE:
            return f"{IPv4Address(key[:4])} . {_port_of(key[4:])}"
        case KeyType.IPV6_TRIPLE:
            return f"{IPv6Address(key[:16])} . {_port_of(key[16:])}"
        case KeyType.PORT:
            return str(int.from_bytes(key, "big"))
        case KeyType.FAMILY:
            return next(f"ipv{family}" for family, known in FAMILY_KEYS.items() if known == key)
        case KeyType.INTERFACE:
            return _interface_text(key)
        case KeyType.INTERFACE_IPV4:
            return f"{_interface_text(key[:16])} . {IPv4Address(key[16:])}"
        case KeyType.ETHER:
            return key.hex(":")
        case KeyType.INTERFACE_ETHER:
            return f"{_interface_text(key[:16])} . {key[16:22].hex(':')}"
        case KeyType.TARGET:
            return f"0x{key.hex()}"
        case KeyType.INTERFACE_TARGET:
            return f"{_interface_text(key[:16])} . 0x{key[16:].hex()}"
        case KeyType.INTERFACE_IPV6:
            return f"{_interface_text(key[:16])} . {IPv6Address(key[16:])}"


def _interface_text(key: bytes) -> str:
    return f'"{key.rstrip(bytes(1)).decode(errors="replace")}"'


def _port_of(key: bytes) -> str:
    return f"{_PROTOCOLS.get(key[0], str(key[0]))} . {int.from_bytes(key[4:6], 'big')}"


def _range_text(key_type: KeyType, first: int, last: int) -> str:
    low, high = (key_text(key_type, number.to_bytes(key_type.length, "big")) for number in (first, last))
    if first == last:
        return low
    if key_type is KeyType.PORT:
        return f"{low}-{high}"
    address = IPv4Address if key_type is KeyType.IPV4 else IPv6Address
    networks = list(summarize_address_range(address(first), address(last)))
    return str(networks[0]) if len(networks) == 1 else f"{low}-{high}"


def _chain_lines(chain: Chain) -> Iterator[str]:
    yield f"\tchain {chain.name} {{"
    if chain.comment:
        yield f'\t\tcomment "{chain.comment}"'
    if chain.hook is not None:
        hook = chain.hook
        policy = "accept" if hook.policy_accept else "drop"
        yield f"\t\ttype {hook.type} hook {hook.name} priority {hook.priority}; policy {policy};"
    for rule in chain.rules:
        yield f"\t\t{render_rule(rule)}"
    yield "\t}"


def _match_text(match: Match | Statement) -> str:
    match match:
        case Family(version):
            return f"meta nfproto ipv{version}"
        case FamilyIn(set_name, negated):
            return f"meta nfproto {_not(negated)}@{set_name}"
        case Protocol(number, negated):
            return f"meta l4proto {_not(negated)}{_PROTOCOLS.get(number, str(number))}"
        case Port(protocol, side, first, last, negated):
            ports = str(first) if first == last else f"{first}-{last}"
            return f"{_port_protocol(protocol)} {side}port {_not(negated)}{ports}"
        case PortIn(protocol, side, set_name, negated):
            return f"{_port_protocol(protocol)} {side}port {_not(negated)}@{set_name}"
        case AddressWithin(side, network, negated):
            single = network.prefixlen == network.max_prefixlen
            address = network.network_address if single else network
            return f"{_IP[network.version]} {side}addr {_not(negated)}{address}"
        case AddressIn(side, family, set_name, negated):
            return f"{_IP[family]} {side}addr {_not(negated)}@{set_name}"
        case LeasedTo(family, set_name):
            return f"{_IP[family]} saddr . {_IP[family]} daddr @{set_name}"
        case TripleIn(side, family, set_name, negated):
            return f"{_IP[family]} {side}addr . meta l4proto . th {side}port {_not(negated)}@{set_name}"
        case Icmp(family, field, first, last, negated):
            values = str(first) if first == last else f"{first}-{last}"
            return f"{'icmp' if family == 4 else 'icmpv6'} {field} {_not(negated)}{values}"
        case HopLimit(value):
            return f"ip6 hoplimit {value}"
        case Interface(way, name, negated):
            return f'{way} {_not(negated)}"{name}"'
        case InterfaceIn(way, set_name, negated):
            return f"{way} {_not(negated)}@{set_name}"
        case BridgeIn(way, set_name):
            return f"{'ibrname' if way is Way.IN else 'obrname'} @{set_name}"
        case ArrivesWith(family, set_name, negated):
            return f"iifname . {_IP[family]} saddr {_not(negated)}@{set_name}"
        case LeavesWith(family, set_name, negated):
            return f"oifname . {_IP[family]} daddr {_not(negated)}@{set_name}"
        case Frame(kind):
            return f"ether type {kind.text}"
        case Says(field, set_name):
            return f"{field.text} @{set_name}"
        case PortSays(field, set_name, negated):
            return f"iifname . {field.text} {_not(negated)}@{set_name}"
        case NoArpAddress():
            return "arp saddr ip 0.0.0.0"
        case LinkLocalTarget():
            return "@th,64,16 & 0xffc0 == 0xfe80"
        case ConnectionState(states):
            return "ct state " + ",".join(name for bit, name in _STATES.items() if states & bit)
        case ConnectionStatus(bits):
            return "ct status " + ",".join(name for bit, name in _STATUSES.items() if bits & bit)
        case ConnectionMarked(mask, value, negated):
            return f"ct mark & 0x{mask:08x} {'!=' if negated else '=='} 0x{value:08x}"
        case IsReply():
            return "ct direction reply"
        case IsOriginal():
            return "ct direction original"
        case ToMachine():
            return "fib daddr type local"
        case GoesBack():
            return "fib daddr . iif oif exists"
        case FromMachine():
            return "fib saddr type local"
        case WithinShare(way, set_name, per_second):
            limit = f"limit rate {per_second}/second burst {per_second} packets"
            return f"update @{set_name} {{ {way} {limit} }}"
        case Marked(bit, negated):
            return f"meta mark & 0x{bit:08x} == 0x{0 if negated else bit:08x}"
        case _:
            raise AssertionError(f"not a match: {match}")


def _statement_text(statement: Match | Statement) -> str:
    match statement:
        case SetMark(bit):
            return f"meta mark set meta mark | 0x{bit:08x}"
        case ClearMark(bits):
            return f"meta mark set meta mark & 0x{~bits & 0xFFFFFFFF:08x}"
        case MarkConnection(mask, value):
            return f"ct mark set ct mark & 0x{~mask & 0xFFFFFFFF:08x} | 0x{value:08x}"
        case Count(counter):
            return f'counter name "{counter}"'
        case Log(prefix, group, per_second):
            return f'limit rate {per_second}/second burst {per_second} packets log prefix "{prefix}" group {group}'
        case GiveTo(family, port):
            return f"tproxy {_IP[family]} to {_LOOPBACK[family]}:{port}"
        case CopyToLoopback(family):
            return f'dup to {_LOOPBACK[family].strip("[]")} device "lo"'
        case AddressMap(side, family, map_name):
            return f"{_IP[family]} {side}addr vmap @{map_name}"
        case InterfaceMap(way, map_name):
            return f"{way} vmap @{map_name}"
        case Jump(chain):
            return f"jump {chain}"
        case Goto(chain):
            return f"goto {chain}"
        case Verdict():
            return statement.value
        case _:
            raise AssertionError(f"not a statement: {statement}")


def _port_protocol(protocol: int | None) -> str:
    return "th" if protocol is None else _PORT_PROTOCOLS.get(protocol, "th")


def _not(negated: bool) -> str:
    return "!= " if negated else ""
