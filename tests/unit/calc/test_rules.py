"""Rules in terms of sets and numbers."""

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

import pytest

from dnsguard.calc.compile import compile_policy
from dnsguard.calc.compiled import ANY, Action, Compiled, CompiledRule, EntityMatch, IcmpMatch, PortRange
from dnsguard.selector import identifier, parse
from tests.unit.calc.builders import global_network_set, global_policy, network_set, policy, workload

WORLD = [
    workload(
        "web", "10.0.0.1", "fd00::1", labels={"app": "web"}, ports=[{"name": "dns", "protocol": "UDP", "port": 53}]
    ),
    workload("db", "10.0.0.2", labels={"app": "db"}, ports=[{"name": "dns", "protocol": "TCP", "port": 5353}]),
    workload("far", "10.9.0.1", namespace="other", labels={"app": "web"}),
    network_set(
        "set", labels={"feed": "x"}, nets=["192.0.2.0/25", "192.0.2.128/25"], allowedEgressDomains=["a.example"]
    ),
    global_network_set("plain", labels={"feed": "plain"}, nets=["198.51.100.0/24"]),
    global_network_set("hollow", labels={"feed": "hollow"}, allowedEgressDomains=[]),
]


def compiled_with(rule: dict[str, Any], direction: str = "egress", **spec: Any) -> tuple[CompiledRule, Compiled]:
    """One rule in a global policy on everything."""
    compiled = compile_policy(
        [
            *WORLD,
            global_policy("p", types=[direction.capitalize()], **{direction: [{"action": "Allow", **rule}]}, **spec),
        ]
    )
    (found,) = compiled.policies.values()
    (one,) = found.egress if direction == "egress" else found.ingress
    return one, compiled


def set_of(text: str) -> str:
    return identifier(parse(text))


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({}, CompiledRule(0, Action.ALLOW)),
        ({"protocol": "UDP"}, CompiledRule(0, Action.ALLOW, protocol=17)),
        ({"notProtocol": 132, "ipVersion": 6}, CompiledRule(0, Action.ALLOW, 6, not_protocol=132)),
        (
            {"protocol": "ICMP", "icmp": {"type": 8}, "notICMP": {"type": 3, "code": 1}},
            CompiledRule(0, Action.ALLOW, protocol=1, icmp=IcmpMatch(8, None), not_icmp=IcmpMatch(3, 1)),
        ),
        ({"protocol": "ICMP", "icmp": {}, "notICMP": {}}, CompiledRule(0, Action.ALLOW, protocol=1)),
    ],
)
def test_protocols(rule: dict[str, Any], expected: CompiledRule) -> None:
    assert compiled_with(rule)[0] == expected


@pytest.mark.parametrize(
    ("entity", "version", "expected"),
    [
        ({"nets": ["192.0.2.0/25", "192.0.2.128/25"]}, 4, EntityMatch(nets=(IPv4Network("192.0.2.0/24"),))),
        ({"notNets": ["2001:db8::/32"]}, 6, EntityMatch(not_nets=(IPv6Network("2001:db8::/32"),))),
        ({"nets": []}, None, EntityMatch(nets=())),
        ({"notNets": [], "notPorts": []}, None, ANY),
        ({"ports": []}, None, EntityMatch(ports=())),
        (
            {"ports": [80, "81:90", "85:100", 443], "notPorts": [1]},
            None,
            EntityMatch(ports=(PortRange(80, 100), PortRange(443, 443)), not_ports=(PortRange(1, 1),)),
        ),
    ],
)
def test_lists_of_one_end(entity: dict[str, Any], version: int | None, expected: EntityMatch) -> None:
    rule, _ = compiled_with({"protocol": "TCP", "destination": entity})
    assert (rule.destination, rule.ip_version) == (expected, version)


def test_a_selector_stands_for_addresses_of_endpoints_and_sets() -> None:
    rule, compiled = compiled_with({"source": {"selector": "has(app)"}, "destination": {"selector": "feed == 'plain'"}})
    assert rule.source == EntityMatch(members=set_of("has(app)"))
    assert rule.destination == EntityMatch(members=set_of("feed == 'plain'"))
    members = compiled.member_sets[set_of("has(app)")]
    assert members.description == "has(app)"
    assert members.networks == tuple(map(ip_network, ("10.0.0.1", "10.0.0.2", "10.9.0.1", "fd00::1")))


def test_in_a_namespaced_policy_a_selector_stays_in_the_namespace() -> None:
    compiled = compile_policy(
        [
            *WORLD,
            policy("p", types=["Egress"], egress=[{"action": "Allow", "destination": {"selector": "app == 'web'"}}]),
        ]
    )
    (members,) = compiled.member_sets.values()
    assert members.networks == (ip_network("10.0.0.1"), ip_network("fd00::1"))


@pytest.mark.parametrize(
    ("action", "direction", "end", "leased"),
    [
        ("Allow", "egress", "destination", True),
        ("Allow", "egress", "source", False),
        ("Deny", "egress", "destination", False),
        ("Pass", "egress", "destination", False),
        ("Log", "egress", "destination", False),
        ("Allow", "ingress", "source", False),
        ("Allow", "ingress", "destination", False),
    ],
)
def test_domains_of_sets_count_only_where_egress_is_allowed(
    action: str, direction: str, end: str, leased: bool
) -> None:
    rule, compiled = compiled_with({"action": action, end: {"selector": "feed == 'x'"}}, direction)
    entity = rule.source if end == "source" else rule.destination
    assert entity == EntityMatch(members=set_of("feed == 'x'"), leases=set_of("feed == 'x'") if leased else None)
    patterns = [str(pattern) for lease_set in compiled.lease_sets.values() for pattern in lease_set.patterns]
    assert patterns == (["a.example"] if leased else [])


def test_a_set_with_an_empty_list_of_domains_keeps_the_place_for_them() -> None:
    rule, compiled = compiled_with({"destination": {"selector": "feed == 'hollow'"}})
    assert rule.destination.leases is not None
    assert compiled.lease_sets[rule.destination.leases].patterns == frozenset()


def test_domains_of_a_rule() -> None:
    rule, compiled = compiled_with({"destination": {"domains": ["*.B.example", "a.example", "A.example."]}})
    again, _ = compiled_with({"destination": {"domains": ["a.example", "*.b.example"]}})
    assert rule.destination == again.destination == EntityMatch(leases=rule.destination.leases)
    assert rule.destination.leases is not None
    lease_set = compiled.lease_sets[rule.destination.leases]
    assert sorted(map(str, lease_set.patterns)) == ["*.b.example", "a.example"]
    assert lease_set.description == "*.b.example, a.example"


def test_an_empty_list_of_domains_is_a_lease_set_that_nothing_feeds() -> None:
    rule, compiled = compiled_with({"destination": {"domains": []}})
    assert rule.destination.leases is not None
    assert compiled.lease_sets[rule.destination.leases].patterns == frozenset()


def test_not_selector_alone_in_a_global_policy_excludes_addresses() -> None:
    rule, _ = compiled_with({"destination": {"notSelector": "has(app)"}})
    assert rule.destination == EntityMatch(not_members=set_of("has(app)"))


WEB = [(ip_address("10.0.0.1"), 17, 53), (ip_address("fd00::1"), 17, 53)]
DB = [(ip_address("10.0.0.2"), 6, 5353)]


@pytest.mark.parametrize(
    ("rule", "members"),
    [
        ({"protocol": "UDP", "destination": {"ports": ["dns"]}}, WEB),
        ({"destination": {"ports": ["dns"]}}, [*WEB, *DB]),
        ({"destination": {"ports": ["dns"], "selector": "app == 'db'"}}, DB),
        ({"protocol": "SCTP", "destination": {"ports": ["dns"]}}, []),
        ({"destination": {"ports": ["unheard-of"]}}, []),
    ],
)
def test_named_ports(rule: dict[str, Any], members: list[Any]) -> None:
    found, compiled = compiled_with(rule)
    assert found.destination.ports is None
    assert found.destination.named_ports is not None
    assert compiled.port_sets[found.destination.named_ports].members == frozenset(members)


def test_named_ports_beside_numbers_and_negated() -> None:
    rule, compiled = compiled_with({"protocol": "UDP", "destination": {"ports": [53, "dns"], "notPorts": ["dns", 99]}})
    assert rule.destination == EntityMatch(
        ports=(PortRange(53, 53),),
        named_ports=rule.destination.named_ports,
        not_ports=(PortRange(99, 99),),
        not_named_ports=rule.destination.named_ports,
    )
    assert len(compiled.port_sets) == 1


def test_rules_keep_the_place_that_the_user_gave_them() -> None:
    compiled = compile_policy(
        [
            *WORLD,
            global_policy("p", types=["Egress"], egress=[{"action": "Log"}, {"action": "Allow"}, {"action": "Pass"}]),
        ]
    )
    (found,) = compiled.policies.values()
    assert [(rule.index, rule.action.value) for rule in found.egress] == [(0, "log"), (1, "allow"), (2, "pass")]
