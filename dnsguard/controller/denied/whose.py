"""Whose packet it is, by its addresses and the interfaces that it takes. Pure."""

from collections.abc import Iterable, Iterator
from typing import Final

from dnsguard.calc.compiled import ALL_INTERFACES, Compiled, CompiledEndpoint, Direction
from dnsguard.calc.evaluator.trace import Decider
from dnsguard.dataplane.rulenames import RuleNamed
from dnsguard.netlink.headers import Headers
from dnsguard.observe.packetrecord import Party
from dnsguard.span import exchanged

FORWARD: Final = 2
_OF_HOSTS: Final = frozenset({0, 3})
"""Prerouting and output, where only host endpoints' policy is asked (``NF_INET_…`` of ``linux/netfilter.h``)."""

_OF_POLICY: Final = frozenset({Decider.RULE, Decider.END_OF_TIER, Decider.PROFILE, Decider.NO_PROFILE})

_Place = bytes | str
"""A packed address, or an interface."""


class Whose:
    """The endpoints in force. `follow` them, then ask."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._compiled = Compiled()
        self._endpoints: tuple[CompiledEndpoint, ...] = ()
        self._workloads: dict[_Place, list[CompiledEndpoint]] = {}
        self._hosts: dict[_Place, list[CompiledEndpoint]] = {}

    def follow(self, compiled: Compiled) -> None:
        """The endpoints are these from now on; those that are the same objects as before are not looked at."""
        if compiled is self._compiled:
            return
        self._compiled = compiled
        endpoints = tuple(compiled.endpoints.values())
        gone, came = exchanged(self._endpoints, endpoints)
        self._endpoints = endpoints
        for endpoint in gone:
            for places, place in self._places(endpoint):
                places[place].remove(endpoint)
                if not places[place]:
                    del places[place]
        for endpoint in came:
            for places, place in self._places(endpoint):
                places.setdefault(place, []).append(endpoint)

    def party(
        self, rule: RuleNamed | None, packet: Headers, interface_in: str, interface_out: str, hook: int = FORWARD
    ) -> Party:
        """Who it is about, where ``rule`` decided in this hook; None where nobody knows what that is."""
        if rule is not None and rule.decider is Decider.SPOOFED:
            # Its source is a lie, so the interface alone tells.
            endpoint = _text(self._behind(interface_in))
            return Party(endpoint, Direction.EGRESS if endpoint else "", self._peer(packet.destination))
        direction = None if rule is None else rule.direction
        egress = self._workload(packet.source, interface_in), self._host(packet.source, interface_out)
        ingress = self._workload(packet.destination, interface_out), self._host(packet.destination, interface_in)
        if direction is None:
            if not any(egress) and not any(ingress):
                return Party()
            direction = Direction.EGRESS if any(egress) or not any(ingress) else Direction.INGRESS
        ends = egress if direction is Direction.EGRESS else ingress
        other = packet.destination if direction is Direction.EGRESS else packet.source
        return Party(_text(_judged(rule, direction, ends, hook)), direction, self._peer(other))

    def _places(self, endpoint: CompiledEndpoint) -> Iterator[tuple[dict[_Place, list[CompiledEndpoint]], _Place]]:
        local = endpoint.is_on(self._node)
        places = self._workloads if endpoint.is_workload else self._hosts
        if endpoint.is_workload or local:
            for address in dict.fromkeys(endpoint.addresses):
                yield places, address.packed
        if endpoint.interface and local:
            yield places, endpoint.interface

    def _workload(self, address: bytes, interface: str) -> CompiledEndpoint | None:
        found = (each for each in self._workloads.get(address, ()) if each.is_on(self._node))
        return _first(found) or self._behind(interface)

    def _behind(self, interface: str) -> CompiledEndpoint | None:
        """The workload whose interface it is; nobody where several share it, as a bridge."""
        found = self._workloads.get(interface, ())
        return _first(found) if len(found) == 1 else None

    def _host(self, address: bytes, interface: str) -> CompiledEndpoint | None:
        """Of an interface that no workload is behind. One that an endpoint names goes before one that all share."""
        if interface in self._workloads:
            return None
        places = self._hosts
        return (
            _first(places.get(interface, ()))
            or _first(places.get(address, ()))
            or _first(places.get(ALL_INTERFACES, ()))
        )

    def _peer(self, address: bytes) -> str:
        return _text(_first(self._workloads.get(address, ())) or _first(self._hosts.get(address, ())))


def _judged(
    rule: RuleNamed | None,
    direction: Direction,
    ends: tuple[CompiledEndpoint | None, CompiledEndpoint | None],
    hook: int,
) -> CompiledEndpoint | None:
    """Which of the two it is, a workload and a host endpoint, that the rule judges there. Where that is not in force
    any more, the workload."""
    workload, host = ends
    if rule is None or rule.decider not in _OF_POLICY:
        return workload or host
    if hook in _OF_HOSTS and host is not None:
        return host
    return next((each for each in ends if each is not None and _has(each, rule, direction)), workload or host)


def _has(endpoint: CompiledEndpoint, rule: RuleNamed, direction: Direction) -> bool:
    """Whether the endpoint's policy of that direction has the rule."""
    for (_, its_direction), policy_class in endpoint.classes.items():
        if its_direction is direction:
            tiers = policy_class.tiers
            if (
                rule.decider is Decider.NO_PROFILE
                or rule.profile in policy_class.profiles
                or any(rule.tier == tier.tier and rule.policy in (None, *tier.policies) for tier in tiers)
            ):
                return True
    return False


def _text(endpoint: CompiledEndpoint | None) -> str:
    return "" if endpoint is None else str(endpoint.id)


def _first(endpoints: Iterable[CompiledEndpoint]) -> CompiledEndpoint | None:
    """Of two with one address the first by name has it, as in the kernel."""
    return min(endpoints, key=lambda endpoint: endpoint.id, default=None)
