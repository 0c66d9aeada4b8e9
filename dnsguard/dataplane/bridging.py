"""The table of family ``bridge``: what may come by which port, and what may pass between ports. Pure.

::

    prerouting -200  by a workload's port: its own addresses in IP, ARP and neighbour discovery, its own Ethernet
                     address where it is known, nothing else; what passes is marked as checked
                     by other ports of its bridge: everything but workloads' addresses, those of Ethernet included where
                     they are known, and marked, too
                     by a port of nobody on a bridge whose every port is a workload's: nothing, heard of or not
    input      -200  to the node by a workload's port: only what was checked (bridges take some frames past prerouting)
    forward     100  to or from a workload's port: only what was checked, and what policy judged at the IP hooks; to it
                     only what bears its address, and from it to a port of nobody nothing that bears a workload's
    output     -200  from the node: what bears a workload's address leaves by its port, whatever the bridge learned

The IP hooks take from such a bridge only what is marked as checked (`sources`). So where this table is missing, and for
a port that nobody heard of yet, everything is closed. Bridged packets are at the IP hooks only with br_netfilter; they
are marked there, and without the mark they end here (priority 100 is after br_netfilter's, 0).
"""

import itertools
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import replace
from ipaddress import ip_network
from operator import is_

from dnsguard.calc.compiled import Direction
from dnsguard.dataplane import naming
from dnsguard.dataplane.additions import Additions
from dnsguard.dataplane.denying import share_sets
from dnsguard.dataplane.discovery import neighbour_discovery
from dnsguard.dataplane.frames import EtherType, Frame, FrameField, LinkLocalTarget, NoArpAddress, PortSays, Says
from dnsguard.dataplane.rules import (
    AddressIn,
    AddressWithin,
    ArrivesWith,
    BridgeIn,
    Chain,
    ClearMark,
    Goto,
    Icmp,
    IcmpField,
    InterfaceIn,
    Jump,
    LeavesWith,
    Marked,
    Match,
    Plan,
    Rule,
    SetMark,
    Side,
    Statement,
    Verdict,
    Way,
    content_chain,
)
from dnsguard.dataplane.setnames import (
    BRIDGED_MAC_SET,
    BRIDGED_TARGET_SET,
    CLOSED_PORT_SET,
    MAC_PORT_SET,
    MAC_SET,
    MANAGED_BRIDGE_SET,
    OTHER_PORT_SET,
    PORT_SET,
    PORT_TARGET_SET,
    bridged_set,
    port_source_set,
)
from dnsguard.dataplane.sets import HashSet, Set
from dnsguard.dataplane.settings import Settings
from dnsguard.netlink.nftables import Hook

FAMILY = "bridge"
PREROUTING = "port-prerouting", Hook("filter", "prerouting", -200)
INPUT = "port-input", Hook("filter", "input", -200)
FORWARD = "port-forward", Hook("filter", "forward", 100)
OUTPUT = "port-output", Hook("filter", "output", -200)

_IP = {4: Frame(EtherType.IPV4), 6: Frame(EtherType.IPV6)}
_ARP = Frame(EtherType.ARP)
_LINK_LOCAL, _NO_ADDRESS = ip_network("fe80::/10"), ip_network("::/128")
_SOLICITATION, _ADVERTISEMENT = 135, 136
_NOBODYS = "a workload's port, but no endpoint"
_PAST = "past the check of its port"
_OURS: dict[str, type[InterfaceIn] | type[BridgeIn]] = {PORT_SET: InterfaceIn, MANAGED_BRIDGE_SET: BridgeIn}
"""By what a port is known for a workload's."""
_OPENING = frozenset({PORT_SET, port_source_set(4), port_source_set(6)})
_ROUTERS_ONLY = 134, 137
"""Router advertisement and redirect."""


def bridge_plan(settings: Settings, sets: Sequence[HashSet]) -> Plan:
    """The table, given its sets; those that would be empty are not among them."""
    additions = Additions(settings)
    bases = list(_base_chains(additions, {item.name for item in sets}))
    chains = *additions.chains.values(), *bases
    return Plan(
        settings.table, (*sets, *share_sets(settings)), tuple(sorted(additions.counters)), chains, family=FAMILY
    )


def without(plan: Plan, *kinds: type[Match] | type[Statement]) -> Plan:
    """The table without the rules that say such a thing, for a kernel that does not know it."""
    kept = [
        replace(chain, rules=rules)
        for chain in plan.chains
        if (rules := tuple(rule for rule in chain.rules if not any(isinstance(part, kinds) for part in rule.parts)))
    ]
    return replace(plan, chains=tuple(kept))


def opening_nothing(plan: Plan, before: Plan) -> Plan:
    """The table without ports, and addresses of ports, that it did not have before; the plan itself where it has no
    others."""
    held = {item.name: item.keys for item in before.sets if isinstance(item, HashSet)}

    def opened(item: Set) -> Set:
        if not isinstance(item, HashSet) or item.name not in _OPENING or item.keys is held.get(item.name):
            return item
        new = item.keys - held.get(item.name, frozenset())
        return item.patched(new, frozenset()) if new else item

    sets = tuple(map(opened, plan.sets))
    return plan if all(map(is_, sets, plan.sets)) else replace(plan, sets=sets)


def _base_chains(additions: Additions, sets: Container[str]) -> Iterator[Chain]:
    unknown = naming.counter_of_unknown_workload(Direction.EGRESS)
    entering: list[Rule] = []
    if PORT_SET in sets:
        entering.append(Rule((InterfaceIn(Way.IN, PORT_SET), Goto(_from_workload(additions, sets)))))
    if MANAGED_BRIDGE_SET in sets:
        entering += additions.deny([BridgeIn(Way.IN, MANAGED_BRIDGE_SET)], unknown, _NOBODYS)
    if CLOSED_PORT_SET in sets:
        entering += additions.deny([InterfaceIn(Way.IN, CLOSED_PORT_SET)], unknown, _NOBODYS)
    if OTHER_PORT_SET in sets:
        entering.append(Rule((InterfaceIn(Way.IN, OTHER_PORT_SET), Goto(_from_others(additions, sets)))))
    yield _base(PREROUTING, entering)
    ours = [match(Way.IN, name) for name, match in _OURS.items() if name in sets]
    if ours:
        unchecked = Marked(additions.settings.checked_mark, negated=True)
        past = [additions.deny((each, unchecked), naming.COUNTER_UNCHECKED, _PAST) for each in ours]
        yield _base(INPUT, itertools.chain.from_iterable(past))
    if PORT_SET in sets:
        yield _base(OUTPUT, _leaving(additions, sets))
    yield _base(FORWARD, _between(additions, sets))


def _base(place: tuple[str, Hook], rules: Iterable[Rule]) -> Chain:
    name, hook = place
    return Chain(name, tuple(rules), hook)


def _from_workload(additions: Additions, sets: Container[str]) -> str:
    rules = [_unmarked(additions.settings)]
    if MAC_SET in sets:
        another = InterfaceIn(Way.IN, MAC_PORT_SET), PortSays(FrameField.HARDWARE, MAC_SET, negated=True)
        rules += additions.deny(another, naming.COUNTER_SPOOFED, "not this workload's Ethernet address")
        taken = InterfaceIn(Way.IN, MAC_PORT_SET, negated=True), Says(FrameField.HARDWARE, BRIDGED_MAC_SET)
        rules += additions.deny(taken, naming.COUNTER_SPOOFED, "another workload's Ethernet address")
    if port_source_set(4) in sets:
        own = _IP[4], ArrivesWith(4, port_source_set(4))
        rules.append(Rule((*own, *_checked(additions.settings)), "its own address"))
    rules += additions.deny([_IP[4]], naming.COUNTER_SPOOFED, "not this workload's address")
    rules.append(Rule((_IP[6], Goto(_ipv6_from_workload(additions, sets)))))
    rules.append(Rule((_ARP, Goto(_arp_from_workload(additions, sets)))))
    rules += additions.deny([], naming.COUNTER_UNKNOWN_FRAME, "neither IP nor ARP")
    return additions.add(content_chain("from-workload", rules, "by the port of a workload"))


def _ipv6_from_workload(additions: Additions, sets: Container[str]) -> str:
    """What is said of neighbours comes first, for it may come from the right address."""
    claims = additions.add(content_chain("claims", list(_claims(additions, sets)), "whose address is it?"))
    rules: list[Rule] = []
    for kind in _ROUTERS_ONLY:
        rules += additions.deny(_icmp(kind), naming.COUNTER_SPOOFED, "only routers say so")
    rules.append(Rule((*_icmp(_ADVERTISEMENT), Jump(claims)), "claims an address"))
    unsure = *_icmp(_SOLICITATION), AddressWithin(Side.SOURCE, _NO_ADDRESS)
    rules.append(Rule((*unsure, Jump(claims)), "asks who else has an address"))
    if port_source_set(6) in sets:
        own = ArrivesWith(6, port_source_set(6))
        rules.append(Rule((_IP[6], own, *_checked(additions.settings)), "its own address"))
    if MAC_SET in sets:
        another = _IP[6], InterfaceIn(Way.IN, MAC_PORT_SET), AddressWithin(Side.SOURCE, _LINK_LOCAL)
        rules += additions.deny(another, naming.COUNTER_SPOOFED, "not the address of its Ethernet address")
    for unlisted in _LINK_LOCAL, _NO_ADDRESS:
        for talk in neighbour_discovery(from_router=False):
            said = _IP[6], AddressWithin(Side.SOURCE, unlisted), *talk
            rules.append(Rule((*said, *_checked(additions.settings)), "neighbour discovery"))
    rules += additions.deny([], naming.COUNTER_SPOOFED, "not this workload's address")
    return additions.add(content_chain("ipv6-from-workload", rules, "by the port of a workload"))


def _claims(additions: Additions, sets: Container[str]) -> Iterator[Rule]:
    """Returns where the address that is spoken of is the workload's. Whose a link-local one is shows only where the
    Ethernet address is known."""
    if PORT_TARGET_SET in sets:
        yield Rule((PortSays(FrameField.TARGET, PORT_TARGET_SET), Verdict.RETURN), "its own")
    if MAC_SET in sets:
        another = [InterfaceIn(Way.IN, MAC_PORT_SET)]
        yield from additions.deny(another, naming.COUNTER_SPOOFED, "claims another's address")
    yield Rule((LinkLocalTarget(), Verdict.RETURN), "link-local")
    yield from additions.deny([], naming.COUNTER_SPOOFED, "claims another's address")


def _arp_from_workload(additions: Additions, sets: Container[str]) -> str:
    rules: list[Rule] = []
    if MAC_SET in sets:
        another = _ARP, InterfaceIn(Way.IN, MAC_PORT_SET), PortSays(FrameField.ARP_HARDWARE, MAC_SET, negated=True)
        rules += additions.deny(another, naming.COUNTER_SPOOFED, "not this workload's Ethernet address")
    if port_source_set(4) in sets:
        own = _ARP, PortSays(FrameField.ARP_ADDRESS, port_source_set(4))
        rules.append(Rule((*own, *_checked(additions.settings)), "its own address"))
    rules.append(Rule((_ARP, NoArpAddress(), *_checked(additions.settings)), "asks who has an address"))
    rules += additions.deny([], naming.COUNTER_SPOOFED, "claims another's address")
    return additions.add(content_chain("arp-from-workload", rules, "by the port of a workload"))


def _from_others(additions: Additions, sets: Container[str]) -> str:
    """By a port of nobody, as the uplink's: whatever is not in the name of a workload on a bridge."""
    rules = [_unmarked(additions.settings)]
    taken: list[tuple[Match, ...]] = []
    if BRIDGED_MAC_SET in sets:
        taken.append((Says(FrameField.HARDWARE, BRIDGED_MAC_SET),))  # before the bridge learns that it is there
    if bridged_set(4) in sets:
        taken.append((_IP[4], AddressIn(Side.SOURCE, 4, bridged_set(4))))
        taken.append((_ARP, Says(FrameField.ARP_ADDRESS, bridged_set(4))))
    if bridged_set(6) in sets:
        taken.append((_IP[6], AddressIn(Side.SOURCE, 6, bridged_set(6))))
        about = Says(FrameField.TARGET, BRIDGED_TARGET_SET)
        taken.append((*_icmp(_ADVERTISEMENT), about))
        taken.append((*_icmp(_SOLICITATION), AddressWithin(Side.SOURCE, _NO_ADDRESS), about))
    for matches in taken:
        rules += additions.deny(matches, naming.COUNTER_SPOOFED, "not where this address is")
    rules.append(Rule(_checked(additions.settings)))
    return additions.add(content_chain("from-others", rules, "by a port of no workload"))


def _between(additions: Additions, sets: Container[str]) -> Iterator[Rule]:
    if PORT_SET in sets:
        yield Rule((InterfaceIn(Way.OUT, PORT_SET), Goto(_to_workload(additions, sets))))
    unknown = naming.counter_of_unknown_workload(Direction.INGRESS)
    if MANAGED_BRIDGE_SET in sets:
        managed = [BridgeIn(Way.OUT, MANAGED_BRIDGE_SET)]
        yield from additions.deny(managed, unknown, _NOBODYS, Direction.INGRESS)
    if CLOSED_PORT_SET in sets:
        closed = [InterfaceIn(Way.OUT, CLOSED_PORT_SET)]
        yield from additions.deny(closed, unknown, _NOBODYS, Direction.INGRESS)
    if PORT_SET in sets:
        rules = [*_strayed(additions, sets), *_at_hooks(additions)]
        chain = content_chain("to-others", rules, "from a workload to a port of none")
        yield Rule((InterfaceIn(Way.IN, PORT_SET), Goto(additions.add(chain))))


def _to_workload(additions: Additions, sets: Container[str]) -> str:
    rules = list(_at_hooks(additions))
    for family, frame in _IP.items():
        if port_source_set(family) in sets:
            rules.append(
                Rule((frame, LeavesWith(family, port_source_set(family)), Verdict.ACCEPT), "for this workload")
            )
        rules += additions.deny([frame], naming.COUNTER_UNJUDGED, "to no address of this workload")
    rules.append(Rule((_ARP, Verdict.ACCEPT), "was checked where it came from"))
    rules += additions.deny([], naming.COUNTER_UNKNOWN_FRAME, "neither IP nor ARP")
    return additions.add(content_chain("to-workload", rules, "to the port of a workload"))


def _at_hooks(additions: Additions) -> Iterator[Rule]:
    """What passes between ports, of which one is a workload's, was checked where it came from and judged by policy."""
    settings = additions.settings
    unchecked = [Marked(settings.checked_mark, negated=True)]
    yield from additions.deny(unchecked, naming.COUNTER_UNCHECKED, "by no port that was looked at")
    for from_router in False, True:
        for talk in neighbour_discovery(from_router=from_router):
            yield Rule((_IP[6], *talk, Verdict.ACCEPT), "neighbour discovery")
    for frame in _IP.values():
        past = frame, Marked(settings.at_hooks_mark, negated=True)
        yield from additions.deny(past, naming.COUNTER_UNJUDGED, "was not at the IP hooks")


def _leaving(additions: Additions, sets: Container[str]) -> Iterator[Rule]:
    for family, frame in _IP.items():
        if bridged_set(family) in sets:
            others = AddressIn(Side.DESTINATION, family, bridged_set(family))
            wrong = LeavesWith(family, port_source_set(family), negated=True)
            for name, match in _OURS.items():
                if name in sets:
                    matches = match(Way.OUT, name), frame, others, wrong
                    yield from additions.deny(matches, naming.COUNTER_UNJUDGED, "for another workload")
    yield from _strayed(additions, sets)


def _strayed(additions: Additions, sets: Container[str]) -> Iterator[Rule]:
    """What is for a workload does not leave by a port of nobody: the bridge believes whoever used an Ethernet address
    last, and where it knows nobody it asks everybody."""
    for family, frame in _IP.items():
        if OTHER_PORT_SET in sets and bridged_set(family) in sets:
            matches = (
                InterfaceIn(Way.OUT, OTHER_PORT_SET),
                frame,
                AddressIn(Side.DESTINATION, family, bridged_set(family)),
            )
            yield from additions.deny(matches, naming.COUNTER_UNJUDGED, "for a workload, by another port")


def _icmp(kind: int) -> tuple[Match, ...]:
    return _IP[6], Icmp(6, IcmpField.TYPE, kind, kind)


def _unmarked(settings: Settings) -> Rule:
    return Rule((ClearMark(settings.checked_mark | settings.at_hooks_mark),), "nothing is known of it yet")


def _checked(settings: Settings) -> tuple[SetMark, Verdict]:
    return SetMark(settings.checked_mark), Verdict.ACCEPT
