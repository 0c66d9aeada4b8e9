"""The chains that bring DNS for other servers to the forwarder. Pure.

::

    prerouting   -90  port 53 of this node's workloads: to the forwarder's transparent socket (TPROXY), or dropped
                      behind bridges: marked, for another table to have them come in by loopback (`turning`)
    output      -299  answers to workloads behind bridges: untracked, as the copies of their queries are. Else what a
                      workload says next would be taken for an answer to the server, and go on as a known connection
    output       -90  the node's own, where it is wanted: marked, so that its route leads through loopback to prerouting
    postrouting  300  what is marked and leaves all the same is dropped: the IP rule that should keep it is gone

After DNAT (-100), so what counts as the server asked is the address that policy sees everywhere else, and a connection
whose packets are translated finds its socket again. What goes to an address of the node itself is left alone: that is
`input`'s to judge. Whoever is no known endpoint is dropped by `forward`, as with any other packet.

With TPROXY the packet keeps both its addresses. So the forwarder knows which server was asked, answers from there, and
judges whether policy lets the client ask it. Where the forwarder is away, the packet goes nowhere.
"""

from collections.abc import Container, Iterable, Iterator
from ipaddress import ip_network

from dnsguard.dataplane import naming
from dnsguard.dataplane.additions import Additions
from dnsguard.dataplane.rules import (
    AddressIn,
    AddressWithin,
    ArrivesWith,
    Chain,
    Family,
    FromMachine,
    GiveTo,
    GoesBack,
    Goto,
    Interface,
    InterfaceIn,
    IsReply,
    Marked,
    Match,
    Port,
    Protocol,
    Rule,
    SetMark,
    Side,
    ToMachine,
    Verdict,
    Way,
    content_chain,
)
from dnsguard.dataplane.setnames import BRIDGE_SET, local_set, source_set
from dnsguard.dataplane.settings import Interception, Settings
from dnsguard.netlink.nftables import Hook
from dnsguard.servers import DNS_PORT

PREROUTING = "intercept-prerouting", Hook("filter", "prerouting", -90)
ANSWERS = "intercept-answers", Hook("filter", "output", -299)
OUTPUT = "intercept-output", Hook("route", "output", -90)
POSTROUTING = "intercept-postrouting", Hook("filter", "postrouting", 300)

_FAMILIES = 4, 6
_TCP, _UDP = 6, 17
_PROTOCOLS = _UDP, _TCP
_LOOPBACK = Interface(Way.IN, "lo")
_OF_NOBODY = tuple(map(ip_network, ("224.0.0.0/4", "255.255.255.255/32", "ff00::/8")))
"""Multicast and broadcast: `input` judges those, too."""


def interception_chains(additions: Additions, sets: Container[str]) -> Iterator[Chain]:
    """The base chains, given which sets of workload endpoints there are; none where nothing is to be intercepted.
    Adds the chains and counters they need to ``additions``."""
    interception = additions.settings.interception
    if interception is None:
        return
    families = [family for family in _FAMILIES if local_set(family) in sets]
    if not families and not interception.of_node:
        return
    taken = _taken(additions, interception, families, sets)
    yield _base(PREROUTING, [Rule((port, Goto(taken))) for port in _ports()])
    if BRIDGE_SET in sets:
        yield _base(ANSWERS, _answers(additions))
    if interception.of_node:
        yield _base(OUTPUT, _of_node(interception))
        away = Marked(interception.mark), Interface(Way.OUT, "lo", negated=True)
        yield _base(POSTROUTING, additions.deny(away, naming.COUNTER_UNROUTED, "should have stayed here"))


def _taken(additions: Additions, interception: Interception, families: list[int], sets: Container[str]) -> str:
    """Where DNS packets that came in go: whose they are, and what becomes of them."""
    bridged = BRIDGE_SET in sets
    given = additions.add(content_chain("to-forwarder", list(_given(additions, interception)), "DNS for other servers"))
    rules = [Rule((IsReply(), Verdict.ACCEPT), "an answer to whoever asks from port 53")]
    if interception.of_node or bridged:
        rules.append(Rule((_LOOPBACK, Marked(interception.mark), Goto(given)), "the node asks, or it was turned round"))
    rules += [
        Rule((_LOOPBACK, Verdict.ACCEPT), "what the node tells itself"),
        Rule((ToMachine(), Verdict.ACCEPT), "the node itself is asked"),
    ]
    for network in _OF_NOBODY:
        if network.version in families:
            rules.append(Rule((AddressWithin(Side.DESTINATION, network), Verdict.ACCEPT), "asks no server"))
    for address in interception.trusted:
        if address.version in families:
            asks = AddressWithin(Side.SOURCE, ip_network(address)), Verdict.ACCEPT
            rules.append(Rule(asks, "a trusted server asks others"))
    if bridged:
        rules += _behind_bridges(additions.settings, interception, families, sets)
    for family in families:
        rules.append(Rule((AddressIn(Side.SOURCE, family, local_set(family)), Goto(given)), "a workload asks"))
    return additions.add(content_chain("dns", rules, "DNS packets that came in"))


def _behind_bridges(
    settings: Settings, interception: Interception, families: list[int], sets: Container[str]
) -> Iterator[Rule]:
    """What is marked is turned round, see `turning`. By loopback nobody asks where it came from: that is done here."""
    by_bridge = InterfaceIn(Way.IN, BRIDGE_SET)
    yield Rule((by_bridge, GoesBack(), Verdict.ACCEPT), "asks a neighbour: judged as any packet")
    for family in families:
        if source_set(family) in sets:
            own = by_bridge, Marked(settings.checked_mark), ArrivesWith(family, source_set(family))
            yield Rule((*own, SetMark(interception.mark), Verdict.ACCEPT), "a workload behind a bridge asks")
    yield Rule((by_bridge, Verdict.ACCEPT), "nobody who may ask")


def _given(additions: Additions, interception: Interception) -> Iterator[Rule]:
    for family in _FAMILIES:
        for protocol in _PROTOCOLS:
            give = GiveTo(family, interception.port), SetMark(interception.mark), Verdict.ACCEPT
            yield Rule((Family(family), Protocol(protocol), *give))
    yield from additions.deny([], naming.COUNTER_NO_FORWARDER, "the forwarder is not there")


def _answers(additions: Additions) -> Iterator[Rule]:
    """Only transparent sockets send in the name of others."""
    rules = [Rule((FromMachine(), Verdict.ACCEPT), "in its own name"), Rule((Verdict.NOTRACK,))]
    untracked = additions.add(content_chain("answers", rules, "DNS answers to workloads behind bridges"))
    for port in _ports(Side.SOURCE):
        yield Rule((port, InterfaceIn(Way.OUT, BRIDGE_SET), Goto(untracked)), "in the name of another server")


def _of_node(interception: Interception) -> Iterator[Rule]:
    yield Rule((Marked(interception.own_mark), Verdict.ACCEPT), "the forwarder asks")
    yield Rule((Interface(Way.OUT, "lo"), Verdict.ACCEPT), "the node itself is asked")
    yield Rule((IsReply(), Verdict.ACCEPT), "an answer to whoever asks from port 53")
    for port in _ports():
        yield Rule((port, SetMark(interception.mark)), "to the forwarder, through loopback")


def _ports(side: Side = Side.DESTINATION) -> Iterator[Match]:
    for protocol in _PROTOCOLS:
        yield Port(protocol, side, DNS_PORT, DNS_PORT)


def _base(place: tuple[str, Hook], rules: Iterable[Rule]) -> Chain:
    name, hook = place
    return Chain(name, tuple(rules), hook)
