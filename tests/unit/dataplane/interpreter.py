"""A plan run in Python: what its rules do to the first packet of a connection. As simple as it can be, for comparison
with the evaluator; that the kernel does the same with these rules is for the kernel tests to show."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dnsguard.calc.compiled import Address
from dnsguard.calc.evaluator.packet import Packet
from dnsguard.dataplane.frames import Frame, LinkLocalTarget, NoArpAddress, PortSays, Says
from dnsguard.dataplane.rules import (
    AddressIn,
    AddressMap,
    AddressWithin,
    ArrivesWith,
    BridgeIn,
    ClearMark,
    ConnectionMarked,
    ConnectionState,
    ConnectionStatus,
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
    Plan,
    Port,
    PortIn,
    Protocol,
    SetMark,
    Side,
    Statement,
    ToMachine,
    TripleIn,
    Verdict,
    Way,
    WithinShare,
)
from dnsguard.dataplane.sets import HashSet, IntervalSet, VerdictMap, interface_key, triple_key
from dnsguard.netlink.expressions import STATE_NEW

_ICMP = {4: 1, 6: 58}


@dataclass(slots=True)
class Run:
    """One packet on its way."""

    plan: Plan
    packet: Packet
    leased: Callable[[str, bytes], bool]
    """(kernel set, client and destination packed) → is it there."""

    interfaces: Mapping[Way, str] = field(default_factory=dict)
    own: frozenset[Address] = frozenset()
    """Addresses of the machine."""

    mark: int = 0
    given: bool = False
    """A transparent socket has it; one is always there."""

    counted: list[str] = field(default_factory=list)

    def through(self, *base_chains: str) -> bool:
        """Whether the packet gets through these hooks, in order."""
        return all(self._chain(name) is not Verdict.DROP for name in base_chains)

    def _chain(self, name: str) -> Verdict | None:
        """ACCEPT or DROP; None when the chain came to its end."""
        chain = next(item for item in self.plan.chains if item.name == name)
        for rule in chain.rules:
            for part in rule.parts:
                if not isinstance(part, Statement):
                    if not self._holds(part):
                        break
                    continue
                ended, verdict = self._do(part)
                if ended:
                    return verdict
        return None

    def _do(self, statement: Statement) -> tuple[bool, Verdict | None]:
        match statement:
            case Count(counter):
                self.counted.append(counter)
            case SetMark(bit):
                self.mark |= bit
            case ClearMark(bits):
                self.mark &= ~bits
            case Jump(chain):
                verdict = self._chain(chain)
                return verdict is not None, verdict
            case Goto(chain):
                return True, self._chain(chain)
            case GiveTo():
                self.given = True
            case AddressMap(side, family, name):
                return self._mapped(name, self._address(side).packed if self._version == family else b"")
            case InterfaceMap(way, name):
                return self._mapped(name, interface_key(self.interfaces.get(way, "")))
            case Verdict.ACCEPT:
                return True, Verdict.ACCEPT
            case Verdict.DROP | Verdict.REJECT:
                return True, Verdict.DROP
            case Verdict.RETURN:
                return True, None
            case Verdict.NOTRACK | Log() | MarkConnection():
                pass
        return False, None

    def _mapped(self, name: str, key: bytes) -> tuple[bool, Verdict | None]:
        found = self._set(name)
        assert isinstance(found, VerdictMap)
        if key not in found.entries:
            return False, None
        chain = found.entries[key].chain
        verdict = Verdict.ACCEPT if chain is None else self._chain(chain)
        return verdict is not None, verdict

    @property
    def _version(self) -> int:
        return self.packet.ip_version

    def _address(self, side: Side) -> Address:
        return self.packet.source if side is Side.SOURCE else self.packet.destination

    def _port(self, side: Side) -> int | None:
        return self.packet.source_port if side is Side.SOURCE else self.packet.destination_port

    def _set(self, name: str) -> Any:
        return next(item for item in self.plan.sets if item.name == name)

    def _within(self, name: str, number: int) -> bool:
        found = self._set(name)
        if isinstance(found, HashSet):
            return number.to_bytes(found.key_type.length, "big") in found.keys
        assert isinstance(found, IntervalSet)
        return any(first <= number <= last for first, last in found.ranges)

    def _holds(self, match: Match) -> bool:
        match match:
            case Family(version):
                return self._version == version
            case WithinShare():
                return True
            case FamilyIn(_, negated):
                return not negated  # somebody is alive
            case Protocol(number, negated):
                return (self.packet.protocol == number) != negated
            case Port(protocol, side, first, last, negated):
                port = self._port(side)
                right = protocol in (None, self.packet.protocol) and port is not None
                return right and (first <= (port or 0) <= last) != negated
            case PortIn(protocol, side, name, negated):
                port = self._port(side)
                right = protocol in (None, self.packet.protocol) and port is not None
                return right and self._within(name, port or 0) != negated
            case AddressWithin(side, network, negated):
                return self._version == network.version and (self._address(side) in network) != negated
            case AddressIn(side, family, name, negated):
                return self._version == family and self._within(name, int(self._address(side))) != negated
            case LeasedTo(family, name):
                pair = self.packet.source.packed + self.packet.destination.packed
                return self._version == family and self.leased(name, pair)
            case TripleIn(side, family, name, negated):
                key = triple_key(self._address(side), self.packet.protocol, self._port(side) or 0)
                found = self._set(name)
                assert isinstance(found, HashSet)
                return self._version == family and (key in found.keys) != negated
            case Icmp(family, part, first, last, negated):
                value = self.packet.icmp_type if part is IcmpField.TYPE else self.packet.icmp_code
                right = self._version == family and self.packet.protocol == _ICMP[family]
                return right and (first <= (value or 0) <= last) != negated
            case Interface(way, name, negated):
                actual = self.interfaces.get(way, "")
                return (actual.startswith(name[:-1]) if name.endswith("*") else actual == name) != negated
            case InterfaceIn(way, name, negated):
                return (interface_key(self.interfaces.get(way, "")) in self._set(name).keys) != negated
            case ArrivesWith(family, name, negated):
                key = interface_key(self.interfaces.get(Way.IN, "")) + self.packet.source.packed
                return self._version == family and (key in self._set(name).keys) != negated
            case ConnectionState(states):
                return bool(states & STATE_NEW)
            case ConnectionStatus():
                return False
            case ConnectionMarked(_, value, negated):
                return (value == 0) != negated
            case IsReply():
                return False
            case IsOriginal():
                return True
            case ToMachine():
                return self.packet.destination in self.own
            case FromMachine():
                return self.packet.source in self.own
            case LeavesWith(family, name, negated):
                key = interface_key(self.interfaces.get(Way.OUT, "")) + self.packet.destination.packed
                return self._version == family and (key in self._set(name).keys) != negated
            case GoesBack() | BridgeIn() | Frame() | Says() | PortSays() | NoArpAddress() | LinkLocalTarget():
                raise AssertionError("frames are for the kernel tests to show")
            case Marked(bit, negated):
                return bool(self.mark & bit) != negated
            case HopLimit():
                return False
