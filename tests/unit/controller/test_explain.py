from collections.abc import Mapping
from ipaddress import ip_address

import pytest

from api.models import ExplainQuery, Explanation
from api.services import CannotExplain, ReadModelUnavailable
from dnsguard.controller.explain import ExplainModel
from dnsguard.controller.node import plan_settings
from dnsguard.errors import DnsguardError
from tests.unit.controller.running import FakeForwarders, InForce, lease

POLICY = """
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: projectcalico.org/v3
kind: WorkloadEndpoint
metadata: {name: cart, namespace: shop, labels: {app: cart}}
spec: {interfaceName: cali1, ipNetworks: [10.0.0.7/32, "2001:db8::7/128"]}
---
apiVersion: projectcalico.org/v3
kind: WorkloadEndpoint
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {interfaceName: cali2, ipNetworks: [10.0.0.8/32], profiles: [kns.shop]}
---
apiVersion: projectcalico.org/v3
kind: WorkloadEndpoint
metadata: {name: far, namespace: shop, labels: {app: web}}
spec: {node: there, interfaceName: cali3, ipNetworks: [10.0.0.9/32]}
---
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: names, namespace: shop}
spec:
  selector: app == 'cart'
  types: [Egress]
  egress:
    - action: Allow
      protocol: TCP
      destination: {domains: ["*.example.org"], ports: [443]}
    - action: Deny
      destination: {nets: [198.51.100.0/24]}
    - action: Allow
      destination: {nets: [198.51.100.0/25]}
    - action: Allow
      protocol: TCP
      destination: {selector: app == 'web', ports: [80]}
"""
HOST = """
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: node}
spec: {node: here, interfaceName: eth0, expectedIPs: [192.0.2.7]}
"""
MACHINE = (("eth0", (ip_address("192.0.2.7"), ip_address("192.0.2.8"))),)
OPEN = """
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: open}
spec: {selector: has(app), types: [Egress], egress: [{action: Allow}]}
"""
ON_FORWARD = """
---
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: every, labels: {role: host}}
spec: {node: here, interfaceName: "*"}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: forwarded}
spec:
  selector: role == 'host'
  applyOnForward: true
  types: [Egress]
  egress: [{action: Deny, protocol: TCP, destination: {ports: [25]}}, {action: Allow}]
"""
COUNTERS: Mapping[str, tuple[int, int]] = {
    "np-shop.names-egress-0": (12, 720),
    "tier-default-egress-end": (3, 180),
    "np-shop.names-egress-1": (1, 60),
}


@pytest.fixture(scope="module")
def in_force() -> InForce:
    return InForce(POLICY)


def model(
    in_force: InForce, forwarders: FakeForwarders, counters: Mapping[str, tuple[int, int]] = COUNTERS
) -> ExplainModel:
    settings = plan_settings(in_force.settings)
    return ExplainModel(in_force.enforcer, forwarders, lambda: counters, in_force.worker, settings, lambda: MACHINE)


async def explained(
    in_force: InForce,
    destination: str,
    forwarders: FakeForwarders | None = None,
    source: str = "shop/cart",
    protocol: str | int = "TCP",
    port: int | None = 443,
) -> Explanation:
    query = ExplainQuery(source=source, destination=destination, protocol=protocol, port=port)
    return await model(in_force, forwarders or FakeForwarders())(query)


async def test_a_name_that_was_looked_up_is_judged_by_the_addresses_it_led_to(in_force: InForce) -> None:
    names = in_force.lease_set("*.example.org")
    forwarders = FakeForwarders(lease("203.0.113.9", names), lease("203.0.113.10", names, names=("other.example.org",)))
    answer = await explained(in_force, "API.example.org", forwarders)
    assert answer.verdict == "Allow"
    assert answer.summary == (
        "workload endpoint shop/cart to domain name API.example.org at 203.0.113.9, TCP port 443: "
        "Allow by rule 0 of NetworkPolicy/shop/names"
    )
    assert answer.notes == (
        f"api.example.org led to 203.0.113.9, held by {names}, for 60 s more",
        "kernel counter np-shop.names-egress-0: 12 packets, 720 bytes",
        "its policy lets it send no DNS, but names that it allows are answered all the same",
    )
    assert forwarders.asked == ["10.0.0.7"]


async def test_a_name_never_looked_up_is_judged_for_where_it_may_lead(in_force: InForce) -> None:
    answer = await explained(in_force, "new.example.org")
    assert answer.verdict == "Allow"
    assert "new.example.org at an address new to it, TCP port 443: Allow" in answer.summary
    assert answer.notes[:2] == (
        "new.example.org leads workload endpoint shop/cart nowhere yet; judged for a new address that it may lead to",
        f"such an address goes into lease set {in_force.lease_set('*.example.org')}",
    )


async def test_a_name_that_no_policy_takes_is_denied_and_never_answered(in_force: InForce) -> None:
    answer = await explained(in_force, "example.net")
    assert answer.verdict == "Deny"
    assert "no lease set of its policies takes that name" in answer.notes
    said = [step.reason for step in answer.steps] + list(answer.notes)
    assert not any("203.0.113." in text for text in said), "an address that nobody asked about"
    assert any(text.startswith("destination was not learned for 10.0.0.7") for text in said)
    assert "its policy lets it send no DNS and does not name this domain: its query is REFUSED" in answer.notes
    assert "kernel counter tier-default-egress-end: 3 packets, 180 bytes" in answer.notes


async def test_the_wrong_port_of_a_right_name_is_denied_with_the_nearest_rule(in_force: InForce) -> None:
    forwarders = FakeForwarders(lease("203.0.113.9", in_force.lease_set("*.example.org")))
    answer = await explained(in_force, "api.example.org", forwarders, port=80)
    assert answer.verdict == "Deny"
    assert (
        "the nearest rule that allows is rule 0 of NetworkPolicy/shop/names, but destination port 80 is none of [443]"
        in answer.notes
    )


async def test_an_earlier_deny_wins_and_the_later_allow_is_named(in_force: InForce) -> None:
    answer = await explained(in_force, "198.51.100.9")
    assert (answer.verdict, answer.summary.partition(": ")[2]) == ("Deny", "Deny by rule 1 of NetworkPolicy/shop/names")
    assert (
        "rule 2 of NetworkPolicy/shop/names would allow it, but rule 1 of NetworkPolicy/shop/names decides before it"
        in answer.notes
    )


async def test_a_leased_address_counts_when_it_is_asked_for_by_address(in_force: InForce) -> None:
    forwarders = FakeForwarders(lease("203.0.113.9", in_force.lease_set("*.example.org")))
    assert (await explained(in_force, "203.0.113.9", forwarders)).verdict == "Allow"
    assert (await explained(in_force, "203.0.113.10", forwarders)).verdict == "Deny"


async def test_both_ends_are_judged_and_every_step_is_listed(in_force: InForce) -> None:
    answer = await explained(in_force, "shop/web", port=80)
    assert answer.verdict == "Allow"
    assert [
        (step.direction, step.tier, step.policy, step.rule, step.action, step.matched) for step in answer.steps
    ] == [
        ("egress", "default", "NetworkPolicy/shop/names", 0, "Allow", False),
        ("egress", "default", "NetworkPolicy/shop/names", 1, "Deny", False),
        ("egress", "default", "NetworkPolicy/shop/names", 2, "Allow", False),
        ("egress", "default", "NetworkPolicy/shop/names", 3, "Allow", True),
        ("ingress", "", "Profile/kns.shop", 0, "Allow", True),
    ]
    assert answer.destination == "workload endpoint shop/web"


async def test_the_end_of_a_tier_is_a_step(in_force: InForce) -> None:
    answer = await explained(in_force, "203.0.113.1")
    last = answer.steps[-1]
    assert (last.tier, last.policy, last.action, last.matched) == ("default", "", "Deny", True)


async def test_an_endpoint_elsewhere_is_said_to_be(in_force: InForce) -> None:
    answer = await explained(in_force, "shop/far", port=80)
    assert "shop/far is on node there: that node enforces its policy" in answer.notes


async def test_an_address_of_workloads_without_endpoint_is_denied(in_force: InForce) -> None:
    answer = await explained(in_force, "203.0.113.1", source="10.0.0.99")
    assert answer.verdict == "Deny"
    assert "belongs to no known endpoint" in answer.summary


async def test_what_concerns_no_endpoint_is_allowed(in_force: InForce) -> None:
    answer = await explained(in_force, "203.0.113.1", source="192.0.2.1")
    assert (answer.verdict, answer.steps) == ("Allow", ())
    assert "neither end is an endpoint" in answer.summary


@pytest.mark.parametrize(("failsafe", "verdict"), [(["tcp:22"], "Allow"), ([], "Deny")])
async def test_failsafe_ports_are_those_of_the_settings(failsafe: list[str], verdict: str) -> None:
    answer = await explained(InForce(HOST, failsafe_inbound=failsafe), "192.0.2.7", source="203.0.113.1", port=22)
    assert answer.verdict == verdict


async def test_an_address_is_taken_for_its_endpoint(in_force: InForce) -> None:
    answer = await explained(in_force, "2001:db8:1::1", source="2001:db8::7")
    assert answer.source == "2001:db8::7 (workload endpoint shop/cart)"
    assert answer.verdict == "Deny"


@pytest.mark.parametrize(
    ("forwarders", "note"),
    [
        (FakeForwarders(connected=False), "no forwarder is connected: what was learned from DNS is not known"),
        (FakeForwarders(answers=False), "no forwarder answered within 2 s: what was learned from DNS is not known"),
    ],
)
async def test_what_was_learned_may_be_unknown(in_force: InForce, forwarders: FakeForwarders, note: str) -> None:
    assert note in (await explained(in_force, "203.0.113.1", forwarders)).notes


async def test_a_counter_that_cannot_be_read_does_not_hide_the_verdict(in_force: InForce) -> None:
    def broken() -> Mapping[str, tuple[int, int]]:
        raise DnsguardError("no kernel today")

    explain = ExplainModel(
        in_force.enforcer, FakeForwarders(), broken, in_force.worker, plan_settings(in_force.settings)
    )
    answer = await explain(ExplainQuery(source="shop/cart", destination="203.0.113.1", port=1))
    assert "kernel counter tier-default-egress-end cannot be read: no kernel today" in answer.notes


@pytest.mark.parametrize(
    ("query", "field", "message"),
    [
        (ExplainQuery(source="shop/nobody", destination="192.0.2.1", port=1), "source", "there is no endpoint"),
        (ExplainQuery(source="example.org", destination="192.0.2.1", port=1), "source", "no known endpoint"),
        (ExplainQuery(source="shop/cart", destination="a..b", port=1), "destination", "no domain name"),
        (ExplainQuery(source="shop/web", destination="2001:db8::1", port=1), "destination", "no IP family in common"),
        (ExplainQuery(source="shop/cart", destination="192.0.2.1"), "port", "a port is needed"),
        (ExplainQuery(source="shop/cart", destination="192.0.2.1", protocol="ICMP", port=1), "port", "has no ports"),
        (ExplainQuery(source="shop/cart", destination="192.0.2.1", protocol="TCPX", port=1), "protocol", "no protocol"),
        (ExplainQuery(source="shop/cart", destination="192.0.2.1", protocol=256), "protocol", "no protocol"),
    ],
)
async def test_questions_without_an_answer(in_force: InForce, query: ExplainQuery, field: str, message: str) -> None:
    with pytest.raises(CannotExplain, match=message) as caught:
        await model(in_force, FakeForwarders())(query)
    assert caught.value.field == field


async def test_before_the_first_computation_nothing_is_known() -> None:
    in_force = InForce(POLICY)
    in_force.enforcer.enforced = None
    with pytest.raises(ReadModelUnavailable):
        await explained(in_force, "192.0.2.1")


@pytest.mark.parametrize(
    ("action", "port", "verdict", "says"),
    [
        ("Drop", 80, "Deny", "since workloads do not reach their own node (endpoint_to_host_action is Drop)"),
        ("Drop", 53, "Allow", "Allow by rule 0 of GlobalNetworkPolicy/open"),
        ("Accept", 80, "Allow", "Allow by rule 0 of GlobalNetworkPolicy/open"),
        ("Return", 80, "Allow", "Allow by rule 0 of GlobalNetworkPolicy/open"),
    ],
)
async def test_a_workload_and_its_own_node(action: str, port: int, verdict: str, says: str) -> None:
    in_force = InForce(POLICY + OPEN, endpoint_to_host_action=action, listen=["192.0.2.8:53"])
    answer = await explained(in_force, "192.0.2.8", source="shop/web", port=port)
    assert (answer.verdict, answer.summary.endswith(says)) == (verdict, True), answer.summary
    assert ("the forwarder takes it, and judges each query itself" in answer.notes) == (port == 53)
    assert (await explained(in_force, "192.0.2.9", source="shop/web", port=port)).verdict == "Allow"


async def test_the_host_endpoint_of_every_interface_judges_what_is_forwarded() -> None:
    in_force = InForce(POLICY + OPEN + ON_FORWARD)
    assert (await explained(in_force, "203.0.113.1", source="shop/web", port=80)).verdict == "Allow"
    answer = await explained(in_force, "203.0.113.1", source="shop/web", port=25)
    assert answer.verdict == "Deny"
    assert answer.summary.endswith("Deny by rule 0 of GlobalNetworkPolicy/forwarded")


async def test_a_host_endpoint_that_may_be_on_the_way_is_named() -> None:
    in_force = InForce(POLICY + OPEN + ON_FORWARD.replace('"*"', "eth0"))
    answer = await explained(in_force, "203.0.113.1", source="shop/web", port=25)
    assert answer.verdict == "Allow"
    assert "host endpoint every judges it too if it takes its interface, which is not known here" in answer.notes
