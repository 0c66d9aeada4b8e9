"""Compiled policies that between them use every part of the ruleset's vocabulary."""

from dataclasses import replace
from ipaddress import ip_address, ip_network

from dnsguard.calc.compiled import (
    Action,
    Compiled,
    CompiledPolicy,
    CompiledProfile,
    CompiledRule,
    Direction,
    EntityMatch,
    IcmpMatch,
    PolicyClass,
    PortRange,
    Stage,
)
from dnsguard.calc.evaluator.failsafe import FailsafePort, FailsafePorts
from dnsguard.dataplane.canary import Canary
from dnsguard.dataplane.settings import DeniedLog, DenyAction, HostAction, Interception, Listen, Settings
from tests.support.compiled import (
    ALLOW_ALL,
    compiled,
    host,
    lease_set,
    member_set,
    nets,
    policy,
    policy_class,
    port_set,
    ports,
    rules,
    tier,
    workload,
)

EGRESS, INGRESS = Direction.EGRESS, Direction.INGRESS
ALLOW, DENY, PASS, LOG = Action.ALLOW, Action.DENY, Action.PASS, Action.LOG
TCP, UDP, ICMP, ICMP6 = 6, 17, 1, 58

NODE = Settings(
    node="node-a",
    workload_cidrs=(ip_network("10.65.0.0/16"), ip_network("2001:db8:65::/48")),
    listen=(Listen(ip_address("10.65.0.1")), Listen(ip_address("2001:db8:65::1"))),
)
CANARY = Canary("dgcanary0", "dgcanary1", (ip_network("192.0.0.240/30"), ip_network("100::dc:0/126")))
MORE = "192.0.2.128/26", "192.0.2.200/32"
WEB_OR_DNS = EntityMatch(members="s:web", ports=ports(53), named_ports="s:dns")
TWO_SITES = ip_network("2001:db8:1::/48"), ip_network("2001:db8:5::/48")


def empty() -> Compiled:
    return Compiled()


def domains() -> Compiled:
    """A workload that may reach what a lease set says on one port, another with a profile only."""
    svc3 = policy(
        "application.app2-svc3-egress",
        [CompiledRule(0, ALLOW, protocol=TCP, destination=EntityMatch(leases="s:github", ports=ports(443)))],
    )
    egress = policy_class(EGRESS, tier("application", svc3))
    return compiled(
        endpoints=[
            workload("app2-svc3", "10.65.0.2", "2001:db8:65::2", egress=egress),
            workload("app2-svc4", "10.65.0.3", "2001:db8:65::3", interface="cali-svc4"),
            workload("elsewhere", "10.65.7.1", node="node-b"),
        ],
        policies=[svc3],
        leases=[lease_set("s:github", "api.github.com", "*.example.org")],
    )


def every_match() -> Compiled:
    """One policy with a rule for each condition."""
    egress = [
        CompiledRule(0, ALLOW),
        CompiledRule(0, LOG, protocol=TCP),
        CompiledRule(0, PASS, not_protocol=UDP),
        CompiledRule(0, DENY, ip_version=6),
        CompiledRule(0, ALLOW, protocol=89),
        CompiledRule(0, ALLOW, protocol=132, destination=EntityMatch(ports=ports(5060))),
        CompiledRule(0, ALLOW, protocol=TCP, destination=EntityMatch(ports=(PortRange(1000, 2000), PortRange(80, 80)))),
        CompiledRule(0, ALLOW, protocol=UDP, source=EntityMatch(ports=ports(1, 2, 3, 5, 8, 9))),
        CompiledRule(0, ALLOW, protocol=TCP, destination=EntityMatch(not_ports=(PortRange(1, 1023), *ports(8080)))),
        CompiledRule(0, ALLOW, protocol=TCP, destination=EntityMatch(not_ports=ports(1, 3, 5, 7, 9))),
        CompiledRule(0, ALLOW, ip_version=4, destination=nets("192.0.2.0/24")),
        CompiledRule(0, ALLOW, ip_version=4, destination=nets("192.0.2.7/32")),
        CompiledRule(0, ALLOW, ip_version=4, destination=nets("10.0.0.0/8", "10.1.0.0/16", "192.0.2.0/25", *MORE)),
        CompiledRule(0, ALLOW, ip_version=6, destination=nets("2001:db8::/33")),
        CompiledRule(0, DENY, ip_version=4, source=EntityMatch(not_nets=(ip_network("198.51.100.0/23"),))),
        CompiledRule(0, DENY, ip_version=6, source=EntityMatch(not_nets=TWO_SITES)),
        CompiledRule(0, ALLOW, destination=nets()),
        CompiledRule(0, ALLOW, protocol=TCP, destination=EntityMatch(ports=())),
        CompiledRule(0, ALLOW, destination=EntityMatch(members="s:web")),
        CompiledRule(0, ALLOW, destination=EntityMatch(not_members="s:web")),
        CompiledRule(0, ALLOW, destination=EntityMatch(members="s:web", leases="s:github")),
        CompiledRule(0, ALLOW, protocol=UDP, destination=WEB_OR_DNS),
        CompiledRule(0, DENY, destination=EntityMatch(not_named_ports="s:dns")),
        CompiledRule(0, ALLOW, protocol=ICMP, icmp=IcmpMatch(8, 0)),
        CompiledRule(0, ALLOW, protocol=ICMP6, icmp=IcmpMatch(128, None)),
        CompiledRule(0, ALLOW, not_icmp=IcmpMatch(8, None)),
        CompiledRule(0, ALLOW, protocol=ICMP, not_icmp=IcmpMatch(3, 1)),
        CompiledRule(0, ALLOW, protocol=ICMP, icmp=IcmpMatch(None, None)),
        CompiledRule(0, DENY),
    ]  # fmt: skip
    all_of_it = policy("everything", egress, [CompiledRule(0, ALLOW, source=EntityMatch(members="s:web"))])
    return compiled(
        endpoints=[
            workload(
                "a",
                "10.65.0.2",
                "2001:db8:65::2",
                egress=policy_class(EGRESS, tier("application", all_of_it)),
                ingress=policy_class(INGRESS, tier("application", all_of_it)),
            )
        ],
        policies=[all_of_it],
        members=[
            member_set("s:web", "203.0.113.1/32", "203.0.113.8/29", "203.0.113.16/32", "2001:db8:9::/64", "0.0.0.0/4")
        ],
        leases=[lease_set("s:github", "api.github.com")],
        named_ports=[port_set("s:dns", ("10.65.0.9", UDP, 5353), ("2001:db8:65::9", TCP, 53))],
    )


def tiers() -> Compiled:
    """Pass, end of tier, tiers whose default is Pass, profiles, two classes that share a policy."""
    security = policy(
        "security.first",
        [
            CompiledRule(0, DENY, ip_version=4, destination=nets("192.0.2.66/32")),
            CompiledRule(0, PASS, protocol=TCP),
        ],
        tier="security",
        namespace="",
    )
    platform = policy("platform.open", [CompiledRule(0, ALLOW, protocol=UDP)], tier="platform", namespace="")
    application = policy("application.web", [CompiledRule(0, ALLOW, protocol=TCP)])
    closed = CompiledProfile("missing", rules(CompiledRule(0, DENY)), rules(CompiledRule(0, DENY)))
    three = policy_class(
        EGRESS,
        tier("security", security),
        tier("platform", platform, default=PASS),
        tier("application", application, default=PASS),
    )
    two = policy_class(EGRESS, tier("platform", platform, default=PASS), profiles=("missing", "kns.app"))
    return compiled(
        endpoints=[
            workload("a", "10.65.0.2", egress=three),
            workload("b", "10.65.0.3", egress=two),
            workload("c", "10.65.0.4", egress=three),
            workload("d", "10.65.0.4", egress=two),
        ],
        policies=[security, platform, application],
        profiles=[ALLOW_ALL, closed],
    )


def hosts() -> Compiled:
    """Every stage, on an interface, on all interfaces, and bound by address."""
    untracked = policy(
        "security.untracked",
        [CompiledRule(0, ALLOW, protocol=TCP, source=EntityMatch(ports=ports(8080)))],
        [CompiledRule(0, DENY, ip_version=4, source=nets("198.51.100.0/24")), CompiledRule(0, PASS)],
        tier="security",
        namespace="",
    )
    normal = policy("application.host", [], [CompiledRule(0, ALLOW, protocol=TCP)], namespace="")
    dnat = policy("application.dnat", [], [CompiledRule(0, ALLOW, protocol=TCP), CompiledRule(0, DENY)], namespace="")

    def staged(direction: Direction, stage: Stage, given: CompiledPolicy, default: Action = PASS) -> PolicyClass:
        return policy_class(direction, tier("application", given, default=default), profiles=(), stage=stage)

    classes = [
        staged(INGRESS, Stage.UNTRACKED, untracked),
        staged(EGRESS, Stage.UNTRACKED, untracked),
        staged(INGRESS, Stage.PRE_DNAT, dnat),
        staged(INGRESS, Stage.NORMAL, normal, DENY),
        staged(INGRESS, Stage.FORWARD, normal, DENY),
        staged(EGRESS, Stage.FORWARD, normal, DENY),
    ]
    return compiled(
        endpoints=[
            host("eth0", "eth0", *classes),
            host("everything", "*", staged(INGRESS, Stage.PRE_DNAT, dnat)),
            host("by-address", "", addresses=("192.0.2.1",)),
            host("nowhere", "", addresses=("192.0.2.2",)),
            host("other-node", "eth0", node="node-b"),
            workload("a", "10.65.0.2"),
        ],
        policies=[untracked, normal, dnat],
    )


def bridged() -> Compiled:
    """Behind ports of bridges: with and without an Ethernet address, one of IPv6 alone, one that is routed."""
    return compiled(
        endpoints=[
            workload("a", "10.65.0.2", "2001:db8:65::2", interface="veth-a"),
            replace(workload("b", "10.65.0.3", "2001:db8:65::3", interface="veth-b"), mac="02:00:5e:00:53:0b"),
            replace(workload("c", "2001:db8:65::4", interface="veth-c"), mac="02-00-5e-00-53-0c"),
            workload("d", "10.65.0.5", interface="cali-d"),
            workload("e", "10.65.0.6"),
        ]
    )


BRIDGE_PORTS = (("eth1", "br0"), ("veth-a", "br0"), ("veth-b", "br0"), ("veth-c", "br1"), ("veth-x", "br2"))
HOST_NODE = replace(
    NODE,
    interface_addresses=(("eth1", (ip_address("192.0.2.1"),)), ("lo", (ip_address("127.0.0.1"),))),
    failsafe=FailsafePorts(
        inbound=(FailsafePort(TCP, 22), FailsafePort(UDP, 68, ip_network("192.0.2.0/24"))),
        outbound=(FailsafePort(UDP, 53),),
    ),
    deny=DenyAction.REJECT,
)

SAMPLES = {
    "empty": (empty, NODE),
    "bare": (empty, Settings()),
    "domains": (domains, NODE),
    "every-match": (every_match, NODE),
    "tiers": (tiers, NODE),
    "hosts": (hosts, HOST_NODE),
    "workloads-may-wrap": (domains, replace(NODE, allow_vxlan=True, allow_ipip=True)),
    "intercepting": (
        domains,
        replace(NODE, interception=Interception(8055, trusted=(ip_address("10.65.0.9"), ip_address("2001:db8::53")))),
    ),
    "intercepting-its-own": (domains, replace(NODE, interception=Interception(8055, of_node=True))),
    "intercepting-nobody-yet": (empty, replace(NODE, interception=Interception(8055))),
    "denied-log": (tiers, replace(NODE, denied_log=DeniedLog())),
    "denied-log-everywhere": (
        every_match,
        replace(NODE, denied_log=DeniedLog(7, 5), interception=Interception(8055, of_node=True)),
    ),
    "denied-log-of-hosts": (hosts, replace(HOST_NODE, denied_log=DeniedLog())),
    "failing-open": (hosts, replace(HOST_NODE, fail_open_after=90.5)),
    "failing-open-intercepting": (
        domains,
        replace(NODE, interception=Interception(8055, of_node=True), fail_open_after=60),
    ),
    "judging-again": (domains, replace(NODE, mark_mask=0x0000_FF00)),
    "judging-again-everywhere": (hosts, replace(HOST_NODE, mark_mask=0x0000_FF00)),
    "judging-again-without-workloads": (hosts, replace(HOST_NODE, mark_mask=0xF000_0000, workload_interfaces=())),
    "judging-again-with-denied-log": (
        tiers,
        replace(NODE, mark_mask=0x0000_FF00, denied_log=DeniedLog(), fail_open_after=60),
    ),
    "bridged": (bridged, replace(NODE, bridge_ports=BRIDGE_PORTS)),
    "bridged, a bridge of unknown workloads": (
        bridged,
        replace(NODE, bridge_ports=BRIDGE_PORTS, workload_interfaces=("br2", "cali*"), denied_log=DeniedLog()),
    ),
    "bridged, one managed": (bridged, replace(NODE, bridge_ports=BRIDGE_PORTS, workload_bridges=("br0", "later"))),
    "bridged, intercepting": (
        bridged,
        replace(NODE, bridge_ports=BRIDGE_PORTS, interception=Interception(8055, of_node=True)),
    ),
    "a managed bridge alone": (empty, replace(NODE, workload_bridges=("later",), denied_log=DeniedLog())),
    "bridges of unknown workloads alone": (
        empty,
        replace(NODE, bridge_ports=BRIDGE_PORTS, workload_interfaces=("br*",)),
    ),
    "canary": (domains, replace(NODE, canary=CANARY, denied_log=DeniedLog())),
    "canary-alone": (empty, replace(NODE, canary=replace(CANARY, nets=CANARY.nets[:1]))),
    "canary-beside-hosts": (hosts, replace(HOST_NODE, canary=CANARY)),
    "canary-judging-again": (domains, replace(NODE, canary=CANARY, mark_mask=0x0000_FF00)),
    "host-accepts": (domains, replace(NODE, endpoint_to_host=HostAction.ACCEPT)),
}
