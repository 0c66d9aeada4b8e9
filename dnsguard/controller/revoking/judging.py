"""A connection of the kernel's table, judged by the policy in force. Pure, but for whom it asks."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from enum import Enum
from ipaddress import ip_address

from dnsguard.calc.compiled import Action, Address, Compiled, Direction, Stage
from dnsguard.calc.evaluator.evaluate import Evaluator
from dnsguard.calc.evaluator.matching import LeaseLookup
from dnsguard.calc.evaluator.node import LOOPBACK, Node
from dnsguard.calc.evaluator.packet import Packet
from dnsguard.calc.evaluator.trace import Verdict
from dnsguard.controller.explain.routing import Passing, Routing
from dnsguard.netlink.connections import EXPECTED, Connection, Opening

MOST_KNOWN = 100_000
"""Openings whose ruling is remembered, in some 30 MB."""


class Ruling(Enum):
    """What is to become of a connection."""

    ALLOWED = "allowed"
    DENIED = "denied"
    UNCERTAIN = "uncertain"


class FlowJudge:
    """Judges connections by one state of policy on one node."""

    def __init__(self, compiled: Compiled, node: Node, leased: LeaseLookup, routing: Routing) -> None:
        """``leased`` and ``routing`` ask the kernel, and raise what that comes to."""
        self._compiled = compiled
        self._evaluator = Evaluator(compiled, node)
        self._node = node
        self._leased = leased
        self._routing = routing
        hosts = [each for each in compiled.endpoints.values() if not each.is_workload and node.has(each)]
        self._by_interface = bool(hosts)
        own = (addresses for _, addresses in node.interface_addresses)
        self._own = node.addresses.union(*own, *(each.addresses for each in hosts))
        self._by_source_port = self._by_interface or _ask_for_source_ports(compiled)
        self._known: dict[Opening, Ruling | Packet] = {}
        """By opening without its port, where that makes no difference: a client has many connections to one service,
        and to judge one by thirty rules takes 0.1 ms."""

        self._before_translation = any(
            (Stage.PRE_DNAT, Direction.INGRESS) in each.classes or (Stage.UNTRACKED, Direction.INGRESS) in each.classes
            for each in hosts
        )

    def judge(self, connections: Sequence[Connection]) -> list[Ruling]:
        """A ruling for each. The kernel is asked for the way of those that need it, in one go."""
        found: list[Ruling | Packet] = [self._quickly(each) for each in connections]
        asked = [each for each in found if isinstance(each, Packet)]
        ruled = iter(self._by_way(asked) if asked else ())
        return [each if isinstance(each, Ruling) else next(ruled) for each in found]

    def _quickly(self, connection: Connection) -> Ruling | Packet:
        """A ruling, or the packet whose way has to be known."""
        if connection.is_translated and self._before_translation:
            return Ruling.UNCERTAIN
        comes_of = connection.master if connection.status & EXPECTED else None
        opening = comes_of or connection.opening
        if self._by_source_port:
            return self._first_look(opening)
        same = opening._replace(source_port=None)
        found = self._known.get(same)
        if found is None:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            found = self._known[same] = self._first_look(opening)
        return found

    def _first_look(self, opening: Opening) -> Ruling | Packet:
        packet = _packet(opening)
        verdict = self._evaluator.evaluate(packet, self._leased)
        # What is the node's own may come and go by another interface than the one that has the address.
        is_own = packet.source in self._own or packet.destination in self._own
        if self._by_interface and (is_own or verdict.unjudged or verdict.action is Action.DENY):
            return packet
        return _ruling(verdict)

    def _by_way(self, packets: Sequence[Packet]) -> Iterable[Ruling]:
        pairs = list(dict.fromkeys((packet.source, packet.destination) for packet in packets))
        ways = dict(zip(pairs, self._routing(pairs, self._interface_of), strict=True))
        evaluators: dict[frozenset[Address], Evaluator] = {}
        for packet in packets:
            way = ways[packet.source, packet.destination]
            verdict = self._knowing(way, evaluators).evaluate(
                packet, self._leased, arrives=way.arrives, leaves=way.leaves
            )
            yield Ruling.UNCERTAIN if way.notes else _ruling(verdict)

    def _knowing(self, way: Passing, evaluators: dict[frozenset[Address], Evaluator]) -> Evaluator:
        """One to which the addresses are the node's own that the kernel takes for its own."""
        known = {address for _, addresses in self._node.interface_addresses for address in addresses}
        more = way.own - known - self._node.addresses
        if not more:
            return self._evaluator
        if more not in evaluators:
            node = replace(self._node, addresses=self._node.addresses | more)
            evaluators[more] = Evaluator(self._compiled, node)
        return evaluators[more]

    def _interface_of(self, address: Address) -> str:
        found = self._evaluator.endpoint_of(address)
        if found is not None and found.is_workload and self._node.has(found):
            return found.interface
        own = self._node.interface_with(address)
        return own if own != LOOPBACK else ""


def _ask_for_source_ports(compiled: Compiled) -> bool:
    lists = [rules for each in compiled.policies.values() for rules in (each.ingress, each.egress)]
    lists += [rules for each in compiled.profiles.values() for rules in (each.ingress, each.egress)]
    sources = (rule.source for rules in lists for rule in rules)
    return any(
        source.ports is not None or source.named_ports is not None or source.not_ports or source.not_named_ports
        for source in sources
    )


def _ruling(verdict: Verdict) -> Ruling:
    if verdict.action is Action.DENY:
        return Ruling.DENIED
    return Ruling.UNCERTAIN if verdict.unjudged else Ruling.ALLOWED


def _packet(opening: Opening) -> Packet:
    return Packet(
        ip_address(opening.source),
        ip_address(opening.destination),
        opening.protocol,
        source_port=opening.source_port,
        destination_port=opening.port,
        icmp_type=opening.icmp_type,
        icmp_code=opening.icmp_code,
    )
