"""What a packet meets on its way through a node: a row for each flow, stage and thing that decides besides policy.

The node has eth0 and eth1 towards others, w and v behind cali-w and cali-v, and a remote workload r elsewhere.
"""

from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from dnsguard.calc.compile import compile_policy
from dnsguard.calc.compiled import Action
from dnsguard.calc.evaluator.evaluate import Evaluator
from dnsguard.calc.evaluator.node import HostAction, Listen, Node
from dnsguard.calc.evaluator.packet import ICMPV6, IPIP, SCTP, TCP, UDP, PacketState
from dnsguard.calc.evaluator.trace import Verdict
from dnsguard.resources import Resource
from tests.unit.calc.builders import global_policy, host, policy, workload
from tests.unit.calc.probes import OUT, egress, packet

OWN, OWN1, W, V, R, STRANGER = "10.9.0.1", "10.9.1.1", "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.99"
W6, LINK_LOCAL, ALL_ROUTERS, OWN6 = "fd00::1", "fe80::7", "ff02::2", "fd00:9::1"
FAR = "198.51.100.1"
NODE = Node(
    "node-a",
    addresses=frozenset({ip_address("fe80::1")}),
    interface_addresses=(("eth0", (ip_address(OWN), ip_address(OWN6))), ("eth1", (ip_address(OWN1),))),
    workload_cidrs=(ip_network("10.0.0.0/24"),),
)
WORKLOADS = [
    workload("w", W, W6, node="node-a"),
    workload("v", V, node="node-a", labels={"app": "v"}),
    workload("r", R, node="node-b"),
]
NOT_WORKLOADS = "!has(projectcalico.org/namespace)"


def hosts(name: str, **spec: Any) -> Resource:
    """A policy of hosts that denies in both directions, unless it says otherwise."""
    return global_policy(name, **{"selector": NOT_WORKLOADS, "types": ["Ingress", "Egress"], **spec})


def stage(flag: str, action: str | None, *types: str) -> Resource:
    rules = [{"action": action}] if action else []
    given: dict[str, Any] = {"applyOnForward": True, "types": types or ["Ingress"]}
    if "Ingress" in given["types"]:
        given["ingress"] = rules
    if "Egress" in given["types"]:
        given["egress"] = rules
    return hosts(flag.lower(), **given, **({} if flag == "applyOnForward" else {flag: True}))


def run(
    resources: list[Resource], source: str, destination: str, node: Node = NODE, port: int = 443, **more: Any
) -> Verdict:
    ways = {name: more.pop(name, "") for name in ("arrives", "leaves")}
    probe = packet(source, destination, more.pop("protocol", TCP), port, **more)
    return Evaluator(compile_policy([*WORKLOADS, *resources]), node).evaluate(probe, **ways)


def shown(verdict: Verdict) -> str:
    action = verdict.action.value if verdict.action is not None else "nothing"
    return f"{action}: {verdict.decision}"


def stages(verdict: Verdict) -> str:
    return ", ".join(f"{each.endpoint.name} {each.stage} {each.direction}" for each in verdict.judgements)


ETH0, ETH1, EVERY = host("eth0"), host("eth1", interfaceName="eth1"), host("every", interfaceName="*")
EARLY = "eth0 untracked ingress, eth0 pre-dnat ingress"


@pytest.mark.parametrize(
    ("hep", "source", "destination", "ways", "met"),
    [
        pytest.param([ETH0], OUT, OWN, {"arrives": "eth0"}, f"{EARLY}, eth0 normal ingress", id="to the node"),
        pytest.param([ETH0], OWN, OUT, {"leaves": "eth0"}, "eth0 untracked egress, eth0 normal egress", id="from it"),
        pytest.param([ETH0], OUT, W, {"arrives": "eth0"}, f"{EARLY}, w normal ingress, eth0 forward ingress",
                     id="to a workload"),
        pytest.param([ETH0], W, OUT, {"leaves": "eth0"}, "w normal egress, eth0 forward egress", id="from a workload"),
        pytest.param([ETH0, ETH1], OUT, FAR, {"arrives": "eth0", "leaves": "eth1"},
                     f"{EARLY}, eth0 forward ingress, eth1 forward egress", id="through"),
        pytest.param([ETH0], OUT, FAR, {"arrives": "eth1", "leaves": "eth2"}, "", id="interfaces without endpoint"),
        pytest.param([EVERY], OWN, W, {}, "every untracked egress", id="from the node to its workload"),
        pytest.param([EVERY], W, OWN, {}, "every untracked ingress, every pre-dnat ingress, w normal egress",
                     id="from a workload to its node"),
        pytest.param([EVERY], W, V, {},
                     "every untracked ingress, every pre-dnat ingress, w normal egress, v normal ingress, "
                     "every forward ingress, every forward egress", id="from workload to workload"),
        pytest.param([ETH0], W, V, {}, "w normal egress, v normal ingress", id="not by way of eth0"),
        pytest.param([ETH0, EVERY], OWN, OWN1, {}, "", id="to itself"),
        pytest.param([ETH0, EVERY], "127.0.0.1", "127.0.0.1", {"arrives": "lo"}, "", id="loopback"),
        pytest.param([ETH0, EVERY], OUT, OWN, {"arrives": "eth0"}, f"{EARLY}, eth0 normal ingress",
                     id="an interface of its own is not every interface"),
        pytest.param([ETH0, EVERY], OUT, OWN1, {"arrives": "eth1"},
                     "every untracked ingress, every pre-dnat ingress, every normal ingress", id="every other"),
        pytest.param([host("b"), host("a")], OUT, OWN, {"arrives": "eth0"},
                     "a untracked ingress, a pre-dnat ingress, a normal ingress", id="first by name"),
        pytest.param([host("b"), host("a", OWN, interfaceName="")], OUT, OWN, {"arrives": "eth0"},
                     "a untracked ingress, a pre-dnat ingress, a normal ingress", id="bound by address"),
        pytest.param([host("a", OWN1, interfaceName="")], OUT, OWN, {"arrives": "eth0"}, "", id="another address"),
        pytest.param([host("a", node="node-b")], OUT, OWN, {"arrives": "eth0"}, "", id="of another node"),
        pytest.param([ETH0, ETH1], OUT, OWN1, {},
                     "eth1 untracked ingress, eth1 pre-dnat ingress, eth1 normal ingress",
                     id="the interface that has the address"),
        pytest.param([EVERY], OUT, "224.0.0.5", {"arrives": "eth1"},
                     "every untracked ingress, every pre-dnat ingress, every normal ingress", id="multicast"),
    ],
)  # fmt: skip
def test_what_a_packet_meets(hep: list[Resource], source: str, destination: str, ways: Any, met: str) -> None:
    node = replace(NODE, endpoint_to_host=HostAction.ACCEPT)
    assert stages(run(hep, source, destination, node, **ways)) == met


def test_what_is_not_known_is_said() -> None:
    verdict = run([ETH0, EVERY, host("far", node="node-b")], OUT, W)
    assert stages(verdict) == "w normal ingress, every forward egress"
    assert [each.name for each in verdict.unjudged] == ["eth0", "every"]
    assert not run([EVERY], OUT, W).unjudged


UNTRACKED, PRE_DNAT, FORWARD = "doNotTrack", "preDNAT", "applyOnForward"
IN: dict[str, Any] = {"arrives": "eth0"}
CLOSED = policy("closed", selector="app == 'v'", types=["Ingress"])


@pytest.mark.parametrize(
    ("resources", "source", "destination", "ways", "outcome"),
    [
        # to the node: an early Allow excuses from what follows, an early Deny is final, a Pass leaves it to the next
        ([stage(UNTRACKED, "Allow")], OUT, OWN, IN, "allow: rule 0 of GlobalNetworkPolicy/donottrack"),
        ([stage(UNTRACKED, "Deny"), stage(PRE_DNAT, "Allow")], OUT, OWN, IN,
         "deny: rule 0 of GlobalNetworkPolicy/donottrack"),
        ([stage(UNTRACKED, "Pass"), stage(PRE_DNAT, "Allow")], OUT, OWN, IN,
         "allow: rule 0 of GlobalNetworkPolicy/prednat"),
        ([stage(UNTRACKED, "Allow"), stage(PRE_DNAT, "Deny")], OUT, OWN, IN,
         "allow: rule 0 of GlobalNetworkPolicy/donottrack"),
        ([stage(UNTRACKED, "Pass"), stage(PRE_DNAT, "Pass")], OUT, OWN, IN, "deny: no profile"),
        ([stage(UNTRACKED, None), stage(PRE_DNAT, None)], OUT, OWN, IN, "deny: no profile"),
        # from the node
        ([stage(UNTRACKED, "Allow", "Egress"), hosts("n")], OWN, OUT, {},
         "allow: rule 0 of GlobalNetworkPolicy/donottrack"),
        ([stage(UNTRACKED, "Pass", "Egress"), hosts("n")], OWN, OUT, {}, "deny: end of tier default"),
        # through to a workload: the host's early Allow is not the workload's
        ([stage(UNTRACKED, "Allow"), CLOSED], OUT, V, IN, "deny: end of tier default"),
        ([stage(PRE_DNAT, "Allow"), stage(FORWARD, "Deny")], OUT, W, IN, "allow: profile kns.shop"),
        ([stage(FORWARD, "Deny")], OUT, W, IN, "deny: rule 0 of GlobalNetworkPolicy/applyonforward"),
        ([stage(FORWARD, None)], OUT, W, IN, "deny: end of tier default"),
        ([stage(FORWARD, "Pass")], OUT, W, IN, "allow: end of stage"),
        ([], OUT, W, IN, "allow: no applyOnForward policy for the direction"),
        # but it is not that of the interface it leaves by either
        ([stage(UNTRACKED, "Allow"), stage(FORWARD, "Deny", "Egress"), ETH1], OUT, FAR,
         {**IN, "leaves": "eth1"}, "deny: rule 0 of GlobalNetworkPolicy/applyonforward"),
        ([stage(FORWARD, "Deny", "Egress")], W, OUT, {"leaves": "eth0"},
         "deny: rule 0 of GlobalNetworkPolicy/applyonforward"),
        # a policy of both stages also judges what is for the node
        ([stage(FORWARD, "Allow")], OUT, OWN, IN, "allow: rule 0 of GlobalNetworkPolicy/applyonforward"),
    ],
)  # fmt: skip
def test_the_stages_of_a_host(
    resources: list[Resource], source: str, destination: str, ways: Any, outcome: str
) -> None:
    assert shown(run([ETH0, *resources], source, destination, **ways)) == outcome


@pytest.mark.parametrize(
    ("resources", "source", "destination", "port", "ways", "outcome"),
    [
        ([], OUT, OWN, 22, IN, "allow: failsafe"),
        ([], OUT, OWN, 23, IN, "deny: no profile"),
        ([stage(UNTRACKED, "Deny")], OUT, OWN, 22, IN, "allow: failsafe"),
        ([stage(PRE_DNAT, "Deny")], OUT, OWN, 22, IN, "allow: failsafe"),
        # it excuses from its stage alone, and there is none among the forwarding ones
        ([stage(PRE_DNAT, "Deny")], OUT, W, 22, IN, "allow: no applyOnForward policy for the direction"),
        ([stage(FORWARD, "Deny")], OUT, W, 22, IN, "deny: rule 0 of GlobalNetworkPolicy/applyonforward"),
        ([], OWN, OUT, 179, {}, "allow: failsafe"),
        ([], OWN, OUT, 22, {}, "deny: no profile"),
    ],
)
def test_failsafe_on_the_way(
    resources: list[Resource], source: str, destination: str, port: int, ways: Any, outcome: str
) -> None:
    assert shown(run([ETH0, *resources], source, destination, port=port, **ways)) == outcome


RESOLVER = Listen(ip_address(OWN))


@pytest.mark.parametrize(
    ("resources", "action", "protocol", "port", "outcome"),
    [
        ([], HostAction.DROP, TCP, 443, "deny: workloads do not reach their own node"),
        ([], HostAction.ACCEPT, TCP, 443, "allow: profile kns.shop"),
        ([], HostAction.RETURN, TCP, 443, "allow: profile kns.shop"),
        ([egress()], HostAction.ACCEPT, TCP, 443, "deny: end of tier default"),
        ([egress()], HostAction.DROP, TCP, 443, "deny: workloads do not reach their own node"),
        # the forwarder judges queries itself
        ([egress()], HostAction.DROP, UDP, 53, "allow: a query to the forwarder, which judges it itself"),
        ([egress()], HostAction.DROP, TCP, 53, "allow: a query to the forwarder, which judges it itself"),
        ([egress()], HostAction.ACCEPT, 132, 53, "deny: end of tier default"),
        # what hosts offer others is not for their workloads, but a pre-DNAT policy of every interface sees them
        ([hosts("n"), EVERY], HostAction.ACCEPT, TCP, 443, "allow: profile kns.shop"),
        ([stage(PRE_DNAT, "Deny"), EVERY], HostAction.ACCEPT, TCP, 443,
         "deny: rule 0 of GlobalNetworkPolicy/prednat"),
        ([stage(PRE_DNAT, "Allow"), EVERY, egress()], HostAction.ACCEPT, TCP, 443, "deny: end of tier default"),
    ],
)  # fmt: skip
def test_a_workload_to_its_own_node(
    resources: list[Resource], action: HostAction, protocol: int, port: int, outcome: str
) -> None:
    node = replace(NODE, endpoint_to_host=action, listen=(RESOLVER,))
    assert shown(run(resources, W, OWN, node, port, protocol=protocol)) == outcome


def test_a_query_to_another_address_is_not_the_forwarders() -> None:
    node = replace(NODE, listen=(RESOLVER,))
    assert shown(run([], W, OWN1, node, 53, protocol=UDP)) == "deny: workloads do not reach their own node"
    everywhere = replace(NODE, listen=(Listen(ip_address("0.0.0.0")),))
    assert run([], W, OWN1, everywhere, 53, protocol=UDP).allowed


@pytest.mark.parametrize("resources", [[], [CLOSED, hosts("n"), stage(FORWARD, "Deny", "Ingress", "Egress"), EVERY]])
def test_the_node_reaches_its_own_workloads(resources: list[Resource]) -> None:
    assert shown(run(resources, OWN, V)) == "allow: the node reaches its own workloads always"
    assert shown(run(resources, OWN, STRANGER, leaves="cali-new")) == "allow: the node reaches its own workloads always"


UNKNOWN = "deny: a workload that no endpoint describes"
SPOOFED = "deny: not the address of the workload behind that interface"


@pytest.mark.parametrize(
    ("source", "destination", "ways", "outcome"),
    [
        pytest.param(OUT, FAR, {"arrives": "cali-new"}, UNKNOWN, id="by its interface"),
        pytest.param(OUT, FAR, {"leaves": "cali-new"}, UNKNOWN, id="by its interface, to it"),
        pytest.param(STRANGER, FAR, {"arrives": "eth0"}, UNKNOWN, id="by its address"),
        pytest.param(OUT, STRANGER, {"arrives": "eth0"}, UNKNOWN, id="by its address, to it"),
        pytest.param(STRANGER, OWN, {"arrives": "cali-new"}, UNKNOWN, id="to the node"),
        pytest.param(R, FAR, {"arrives": "eth0", "leaves": "eth1"}, "nothing: None", id="another node's, from it"),
        pytest.param(OUT, R, {"arrives": "eth0", "leaves": "eth1"}, "nothing: None", id="another node's, to it"),
        pytest.param(OUT, FAR, {"arrives": "cali-w"}, SPOOFED, id="an address of nobody"),
        pytest.param(V, FAR, {"arrives": "cali-w"}, SPOOFED, id="another's address"),
        pytest.param(V, OWN, {"arrives": "cali-w"}, SPOOFED, id="another's address, to the node"),
        pytest.param(V, FAR, {"arrives": "cali-new"}, SPOOFED, id="another's address, by an unknown's interface"),
        pytest.param(W, FAR, {"arrives": "eth0"}, SPOOFED, id="a workload's address, from outside"),
        pytest.param(W, V, {"arrives": "eth0"}, SPOOFED, id="a workload's address, from outside, to another"),
        pytest.param(W6, OWN6, {"arrives": "eth1"}, SPOOFED, id="a workload's address, from outside, to the node"),
        pytest.param(W, FAR, {"arrives": "cali-w"}, "allow: profile kns.shop", id="its own"),
    ],
)
def test_workloads_that_are_not_what_they_say(source: str, destination: str, ways: Any, outcome: str) -> None:
    node = replace(NODE, endpoint_to_host=HostAction.ACCEPT)
    assert shown(run([], source, destination, node, **ways)) == outcome


@pytest.mark.parametrize(
    ("source", "destination", "ways", "kind", "outcome"),
    [
        (LINK_LOCAL, ALL_ROUTERS, {"arrives": "cali-w"}, 133, "allow: IPv6 neighbour discovery"),
        (LINK_LOCAL, "fe80::1", {"arrives": "cali-w"}, 135, "allow: IPv6 neighbour discovery"),
        (LINK_LOCAL, "ff02::1:ff00:1", {"arrives": "cali-w"}, 135, "allow: IPv6 neighbour discovery"),
        (LINK_LOCAL, "ff02::16", {"arrives": "cali-new"}, 143, "allow: IPv6 neighbour discovery"),
        (W6, "ff02::1:ff00:1", {"arrives": "cali-w"}, 135, "allow: IPv6 neighbour discovery"),
        (W6, "ff02::1:ff00:1", {"arrives": "cali-v"}, 135, SPOOFED),
        # only routers say so, and workloads are none
        (LINK_LOCAL, "ff02::1", {"arrives": "cali-w"}, 134, SPOOFED),
        (LINK_LOCAL, "ff02::1", {"arrives": "cali-new"}, 134, UNKNOWN),
        (LINK_LOCAL, "ff02::1", {"arrives": "eth0"}, 134, "allow: IPv6 neighbour discovery"),
        (OWN6, "ff02::1", {"leaves": "eth0"}, 134, "allow: IPv6 neighbour discovery"),
        (OWN6, "ff02::1:ff00:1", {"leaves": "eth0"}, 135, "allow: IPv6 neighbour discovery"),
        (W6, OWN6, {}, 128, "deny: workloads do not reach their own node"),
        (LINK_LOCAL, "ff02::1", {"arrives": "eth0"}, 128, "deny: no profile"),
    ],
)
def test_neighbour_discovery(source: str, destination: str, ways: Any, kind: int, outcome: str) -> None:
    more: dict[str, Any] = {
        "protocol": ICMPV6,
        "icmp_type": kind,
        "icmp_code": 0,
        "hop_limit": 1 if kind == 143 else 255,
    }
    assert shown(run([ETH0], source, destination, **ways, **more)) == outcome


def test_discovery_that_crossed_a_router_is_none() -> None:
    more: dict[str, Any] = {"protocol": ICMPV6, "icmp_type": 135, "icmp_code": 0, "hop_limit": 254}
    assert shown(run([ETH0], LINK_LOCAL, "ff02::1:ff00:1", **IN, **more)) == "deny: no profile"


WRAPPED = "deny: encapsulated packets from workloads are dropped"


@pytest.mark.parametrize(
    ("source", "destination", "ways", "probe", "outcome"),
    [
        (W, OUT, {}, (UDP, 4789), WRAPPED),
        (W, OUT, {}, (IPIP, None), WRAPPED),
        (W6, "fd00:9::9", {}, (IPIP, None), WRAPPED),
        (W, V, {}, (UDP, 4789), WRAPPED),
        (W, OWN, {}, (IPIP, None), WRAPPED),
        (W, OUT, {}, (UDP, 4790), "allow: profile kns.shop"),
        (W, OUT, {}, (TCP, 4789), "allow: profile kns.shop"),
        (W, OUT, {}, (41, None), "allow: profile kns.shop"),
        (OUT, W, {"arrives": "eth1"}, (UDP, 4789), "allow: profile kns.shop"),
        (OWN, W, {}, (IPIP, None), "allow: the node reaches its own workloads always"),
        (V, FAR, {"arrives": "cali-w"}, (IPIP, None), SPOOFED),
    ],
)
def test_what_workloads_wrap(source: str, destination: str, ways: Any, probe: tuple[int, Any], outcome: str) -> None:
    protocol, port = probe
    node = replace(NODE, endpoint_to_host=HostAction.ACCEPT)
    assert shown(run([], source, destination, node, port, protocol=protocol, **ways)) == outcome
    node = replace(node, allow_vxlan=True, allow_ipip=True)
    allowed = outcome if outcome != WRAPPED else "allow: profile kns.shop"
    assert shown(run([], source, destination, node, port, protocol=protocol, **ways)) == allowed


def test_each_kind_of_wrapping_is_allowed_by_itself() -> None:
    for node, denied in ((replace(NODE, allow_vxlan=True), IPIP), (replace(NODE, allow_ipip=True), UDP)):
        found = [protocol for protocol in (IPIP, UDP) if not run([], W, OUT, node, 4789, protocol=protocol).allowed]
        assert found == [denied]


KNOWN = "allow: a connection that was allowed before"


@pytest.mark.parametrize(
    ("source", "destination", "ways", "outcome"),
    [
        pytest.param(STRANGER, OUT, {"arrives": "cali-s", "leaves": "eth0"}, UNKNOWN, id="from it"),
        pytest.param(OUT, STRANGER, {"arrives": "eth0", "leaves": "cali-s"}, UNKNOWN, id="to it"),
        pytest.param(STRANGER, OWN, {"arrives": "cali-s"}, UNKNOWN, id="to the node"),
        pytest.param(OWN, STRANGER, {"leaves": "cali-s"}, KNOWN, id="the node to it"),
        pytest.param(STRANGER, W, {"arrives": "cali-s"}, UNKNOWN, id="to a workload"),
        pytest.param(W, STRANGER, {"leaves": "cali-s"}, UNKNOWN, id="from a workload"),
        pytest.param(STRANGER, OUT, {"arrives": "eth1", "leaves": "eth0"}, KNOWN, id="by its address alone"),
        pytest.param(STRANGER, OUT, {}, KNOWN, id="the interface is not known"),
        pytest.param(W, OUT, {"arrives": "cali-bridge", "leaves": "eth0"}, SPOOFED, id="by another interface"),
        pytest.param(OUT, W, {"arrives": "eth0", "leaves": "cali-bridge"}, KNOWN, id="by another interface, to it"),
        pytest.param(LINK_LOCAL, "fe80::1", {"arrives": "cali-w"}, KNOWN, id="a workload's link-local address"),
    ],
)
@pytest.mark.parametrize("state", [PacketState.ESTABLISHED, PacketState.RELATED])
def test_connections_of_a_deleted_workload(
    source: str, destination: str, ways: Any, outcome: str, state: PacketState
) -> None:
    assert shown(run([], source, destination, state=state, **ways)) == outcome


INVALID = "deny: belongs to no connection"


@pytest.mark.parametrize(
    ("resources", "source", "destination", "ways", "state", "outcome"),
    [
        ([CLOSED], OUT, V, IN, "established", KNOWN),
        ([CLOSED], OUT, V, IN, "related", KNOWN),
        ([CLOSED], OUT, V, IN, "invalid", INVALID),
        ([], OUT, V, IN, "invalid", INVALID),
        ([], OUT, OWN, IN, "established", KNOWN),
        ([], OUT, OWN, IN, "invalid", INVALID),
        ([], OWN, OUT, {}, "established", KNOWN),
        ([], OWN, OUT, {}, "invalid", INVALID),
        ([], W, OWN, {}, "established", KNOWN),
        ([], W, OWN, {}, "invalid", INVALID),
        ([], OWN, W, {}, "invalid", "allow: the node reaches its own workloads always"),
        # where no endpoint is concerned there is nobody to mind
        ([], OUT, FAR, {"arrives": "eth1", "leaves": "eth2"}, "invalid", "nothing: None"),
        # pre-DNAT policy knows connections as well, untracked policy does not
        ([stage(PRE_DNAT, "Deny")], OUT, OWN, IN, "established", KNOWN),
        ([stage(PRE_DNAT, "Allow")], OUT, OWN, IN, "invalid", INVALID),
        ([stage(UNTRACKED, "Deny")], OUT, OWN, IN, "established", "deny: rule 0 of GlobalNetworkPolicy/donottrack"),
        ([stage(UNTRACKED, "Allow")], OUT, OWN, IN, "invalid", "allow: rule 0 of GlobalNetworkPolicy/donottrack"),
        ([stage(UNTRACKED, "Allow"), CLOSED], OUT, V, IN, "established", "deny: end of tier default"),
        ([stage(FORWARD, "Deny")], OUT, V, IN, "established", KNOWN),
    ],
)
def test_connections(
    resources: list[Resource], source: str, destination: str, ways: Any, state: str, outcome: str
) -> None:
    assert shown(run([ETH0, *resources], source, destination, **ways, state=PacketState(state))) == outcome


def test_a_node_without_a_name_judges_for_everyone() -> None:
    verdict = run([], W, R, Node())
    assert stages(verdict) == "w normal egress, r normal ingress"
    assert verdict.action is Action.ALLOW


def test_without_addresses_those_of_its_host_endpoints_are_the_nodes() -> None:
    assert shown(run([host("h", OWN)], OUT, OWN, Node("node-a"))) == "deny: no profile"


TAKEN = "allow: a query to the forwarder, which judges it itself"
TO_DNS = {"leaves": "eth0"}


@pytest.mark.parametrize(
    ("source", "destination", "ways", "probe", "outcome"),
    [
        pytest.param(W, OUT, TO_DNS, {"protocol": UDP}, TAKEN, id="UDP"),
        pytest.param(W, OUT, TO_DNS, {"protocol": TCP}, TAKEN, id="TCP"),
        pytest.param(W6, "2001:db8::53", TO_DNS, {"protocol": UDP}, TAKEN, id="IPv6"),
        pytest.param(W, OUT, TO_DNS, {"protocol": SCTP}, "deny: end of tier default", id="another protocol"),
        pytest.param(W, OUT, TO_DNS, {"port": 853}, "deny: end of tier default", id="DNS over TLS"),
        pytest.param(W, V, {}, {}, TAKEN, id="a workload that serves DNS"),
        pytest.param(W, R, {}, {}, TAKEN, id="one on another node"),
        pytest.param(W, OWN, {}, {}, "deny: end of tier default", id="the node itself"),
        pytest.param(V, OUT, TO_DNS, {}, "deny: end of tier default", id="a trusted server asks"),
        pytest.param(STRANGER, OUT, TO_DNS, {}, UNKNOWN, id="nobody's address"),
        pytest.param(W, OUT, {"arrives": "cali-v"}, {}, SPOOFED, id="a borrowed address"),
        pytest.param(OUT, W, {"arrives": "eth0"}, {}, "allow: profile kns.shop", id="from elsewhere"),
        pytest.param(OWN, OUT, TO_DNS, {}, "nothing: None", id="from the node"),
        pytest.param(W, OUT, TO_DNS, {"state": PacketState.INVALID}, INVALID, id="of no connection"),
        pytest.param(W, STRANGER, {"leaves": "cali-s"}, {"state": PacketState.ESTABLISHED}, KNOWN, id="known"),
        pytest.param(
            W, STRANGER, {"leaves": "cali-s"}, {"state": PacketState.ESTABLISHED, "is_reply": True}, UNKNOWN,
            id="an answer to port 53",
        ),
    ],
)  # fmt: skip
def test_dns_for_other_servers_is_intercepted(
    source: str, destination: str, ways: Any, probe: dict[str, Any], outcome: str
) -> None:
    node = replace(
        NODE, intercepts_dns=True, trusted_servers=frozenset({ip_address(V)}), endpoint_to_host=HostAction.ACCEPT
    )
    closed = policy("closed", types=["Egress"], egress=[])
    probe = {"protocol": UDP, "port": 53, **probe}
    verdict = run([closed], source, destination, node, **ways, **probe)
    assert shown(verdict) == outcome
    assert not (verdict.elsewhere and outcome == TAKEN)


PLUGGED = (("cali-w", "br0"), ("cali-v", "br0"), ("eth1", "br0"))
OPEN = "allow: profile kns.shop"
DISCOVERY = {"protocol": ICMPV6, "port": None, "icmp_type": 135, "icmp_code": 0, "hop_limit": 255}
LISTENER = DISCOVERY | {"icmp_type": 143, "hop_limit": 1}


@pytest.mark.parametrize(
    ("source", "destination", "ways", "probe", "outcome"),
    [
        pytest.param(W, OUT, {"arrives": "br0", "leaves": "eth0"}, {}, OPEN, id="through the bridge"),
        pytest.param(W, OUT, {"arrives": "cali-w", "leaves": "eth0"}, {}, OPEN, id="by the port's name"),
        pytest.param(W, OUT, {"leaves": "eth0"}, {}, OPEN, id="as its endpoint says"),
        pytest.param(W, V, {"arrives": "br0", "leaves": "br0"}, {}, OPEN, id="between two ports"),
        pytest.param(W, V, {"arrives": "eth0"}, {}, SPOOFED, id="by an interface that is no bridge"),
        pytest.param(OUT, V, {"arrives": "br0"}, {}, OPEN, id="of somebody else on the bridge"),
        pytest.param(OUT, V, {"arrives": "br0", "state": PacketState.ESTABLISHED}, {}, KNOWN, id="known"),
        pytest.param(W6, "fe80::9", {"arrives": "br0", "leaves": "br0"}, DISCOVERY, "allow: IPv6 neighbour discovery",
                     id="neighbour discovery between two ports"),
        pytest.param(W6, "fd00:9::9", {"arrives": "br0", "leaves": "eth0"}, LISTENER, OPEN,
                     id="listener discovery that a router may have passed on"),
        pytest.param("fe80::8", "fe80::9", {"arrives": "br0", "leaves": "br0"}, LISTENER,
                     "allow: IPv6 neighbour discovery", id="listener discovery between two ports"),
    ],
)  # fmt: skip
def test_behind_the_port_of_a_bridge(
    source: str, destination: str, ways: dict[str, Any], probe: dict[str, Any], outcome: str
) -> None:
    node = replace(NODE, bridge_ports=PLUGGED, workload_interfaces=("tap*",), workload_cidrs=())
    assert shown(run([], source, destination, node, **{"port": 443, **ways, **probe})) == outcome
