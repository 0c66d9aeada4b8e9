"""Everything that applies to one endpoint, in the order of evaluation."""

import pytest

from dnsguard.api.services import ReadModelUnavailable, UnknownEndpoint
from dnsguard.api.views.effective import Effective, EffectiveEnd, EffectiveStage
from dnsguard.controller.effective.model import EffectiveModel
from dnsguard.controller.explain.policystates import PolicyStates
from tests.unit.controller.running import SHOP, FakeForwarders, InForce, lease

TIERS = """
---
apiVersion: projectcalico.org/v3
kind: Tier
metadata: {name: security}
spec: {order: 10, defaultAction: Pass}
---
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: security.first, namespace: shop}
spec:
  tier: security
  selector: app == 'cart'
  types: [Egress]
  egress:
    - {action: Log}
    - action: Allow
      protocol: TCP
      destination: {selector: role == 'partner', ports: [443, "1000:2000"]}
    - {action: Pass, protocol: ICMP, icmp: {type: 8}}
---
apiVersion: projectcalico.org/v3
kind: NetworkSet
metadata: {name: partners, namespace: shop, labels: {role: partner}}
spec: {nets: [192.0.2.0/24], allowedEgressDomains: ["*.example.org", example.com]}
"""
STAGED = """
---
apiVersion: projectcalico.org/v3
kind: StagedNetworkPolicy
metadata: {name: names, namespace: shop}
spec:
  selector: app == 'cart'
  types: [Egress]
  egress: [{action: Allow, destination: {nets: [203.0.113.0/24]}}]
---
apiVersion: projectcalico.org/v3
kind: StagedGlobalNetworkPolicy
metadata: {name: new}
spec: {selector: app == 'cart', types: [Ingress], ingress: [{action: Allow}]}
"""
HOSTS = """
---
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: uplink, labels: {role: host}}
spec: {node: here, interfaceName: eth0}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: forwarded}
spec:
  selector: role == 'host'
  applyOnForward: true
  types: [Egress]
  egress: [{action: Deny, protocol: TCP, destination: {ports: [25]}}, {action: Allow}]
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: early}
spec: {selector: role == 'host', preDNAT: true, applyOnForward: true, types: [Ingress], ingress: [{action: Deny}]}
"""


async def effective(in_force: InForce, endpoint: str, forwarders: FakeForwarders | None = None) -> Effective:
    return await EffectiveModel(in_force.enforcer, forwarders or FakeForwarders(), "here", PolicyStates())(endpoint)


def outline(stage: EffectiveStage) -> list[str]:
    """Tiers, policies with actions, ends of tiers, profiles, the end."""
    lines = []
    for tier in stage.tiers:
        for policy in tier.policies:
            actions = " ".join(rule.action for rule in policy.rules)
            lines.append(f"{tier.tier}: {policy.policy} {policy.staged} {actions}".replace("  ", " ").strip())
        lines.append(f"{tier.tier}: {tier.end}{' ' * bool(tier.staged)}{tier.staged}")
    lines += [f"{each.profile}: {' '.join(rule.action for rule in each.rules)}" for each in stage.profiles]
    return [*lines, f"{stage.end.action}: {stage.end.text}"]


async def test_a_workload_has_tiers_policies_profiles_and_the_end_in_order() -> None:
    found = await effective(InForce(SHOP + TIERS), "shop/cart")
    assert (found.kind, found.namespace, found.name, found.revision, found.problem) == (
        "WorkloadEndpoint", "shop", "cart", 7, "",
    )  # fmt: skip
    assert (found.interface, found.addresses) == ("cali1", ("10.0.0.7", "2001:db8::7"))
    assert found.labels["app"] == "cart"
    egress, ingress = found.stages
    assert (egress.direction, egress.stage, ingress.direction) == ("egress", "normal", "ingress")
    assert outline(egress) == [
        "security: NetworkPolicy/shop/security.first Log Allow Pass",
        "security: Pass",
        "default: NetworkPolicy/shop/names Allow Deny Allow Allow",
        "default: Deny",
        "Deny: what no tier and no profile decides",
    ]
    assert outline(ingress) == ["Deny: what no tier and no profile decides"]
    profiled = await effective(InForce(SHOP + TIERS), "shop/web")
    assert outline(profiled.stages[0])[0] == "kns.shop: Allow"


async def test_rules_are_shown_as_written_and_as_resolved_and_sets_with_what_names_led_to() -> None:
    in_force = InForce(SHOP + TIERS)
    assert in_force.enforcer.enforced is not None
    names_set = next(
        each.id for each in in_force.enforcer.enforced.compiled.lease_sets.values() if each.id.startswith("s:")
    )
    learned = FakeForwarders(
        lease("198.51.100.7", names_set, names=("api.example.org", "edge.example.net")), lease("198.51.100.8")
    )
    found = await effective(in_force, "shop/cart", learned)
    rule = found.stages[0].tiers[0].policies[0].rules[1]
    written = {
        "action": "Allow",
        "protocol": "TCP",
        "destination": {"selector": "role == 'partner'", "ports": [443, "1000:2000"]},
    }
    assert (rule.written, rule.protocol, rule.source) == (written, "TCP", None)
    assert rule.destination is not None
    assert (rule.destination.ports, rule.destination.names) == (("443", "1000:2000"), names_set)
    sets = {(each.kind, each.id): each for each in found.sets}
    members, names = sets["Addresses", rule.destination.members], sets["Names", names_set]
    assert (members.kind, members.count, members.members, members.origins) == (
        "Addresses", 1, ("192.0.2.0/24",), ("NetworkSet/shop/partners",),
    )  # fmt: skip
    assert "role == " in members.description
    assert (names.kind, names.count, names.members, names.origins) == (
        "Names", 2, ("*.example.org", "example.com"), ("NetworkSet/shop/partners",),
    )  # fmt: skip
    ((name, address),) = ((each.name, each.address) for each in names.learned)
    assert (name, address) == ("api.example.org", "198.51.100.7")
    webs = sets["Addresses", found.stages[0].tiers[1].policies[0].rules[3].destination.members]  # type: ignore[union-attr]
    assert (webs.members, webs.origins) == (
        ("10.0.0.8/31",),
        ("WorkloadEndpoint/shop/far", "WorkloadEndpoint/shop/web"),
    )
    assert names.kernel_sets[0].startswith("d4-")
    assert found.stages[0].tiers[0].policies[0].rules[2].icmp == "type 8"
    assert found.stages[0].tiers[1].policies[0].rules[1].destination == EffectiveEnd(nets=("198.51.100.0/24",))


async def test_what_is_staged_is_marked_and_stands_where_it_would() -> None:
    found = await effective(InForce(SHOP + STAGED), "shop/cart")
    assert outline(found.stages[0])[:3] == [
        "default: StagedNetworkPolicy/shop/names ToBeAdded Allow",
        "default: NetworkPolicy/shop/names ToBeRemoved Allow Deny Allow Allow",
        "default: Deny",
    ]
    assert outline(found.stages[1])[:2] == [
        "default: StagedGlobalNetworkPolicy/new ToBeAdded Allow",
        "default: Deny ToBeAdded",
    ]


async def test_a_host_endpoint_has_all_its_stages_and_failsafe_ports() -> None:
    found = await effective(InForce(SHOP + HOSTS), "uplink")
    stages = {(stage.direction, stage.stage): stage for stage in found.stages}
    assert list(stages) == [
        ("egress", "untracked"), ("egress", "normal"), ("egress", "forward"),
        ("ingress", "untracked"), ("ingress", "pre-dnat"), ("ingress", "normal"), ("ingress", "forward"),
    ]  # fmt: skip
    assert outline(stages["egress", "forward"]) == [
        "default: GlobalNetworkPolicy/forwarded Deny Allow", "default: Deny", "Allow: what no policy there denies",
    ]  # fmt: skip
    assert outline(stages["ingress", "forward"]) == ["Allow: everything: no policy of it is about forwarded packets"]
    assert stages["ingress", "pre-dnat"].then == (
        "nothing of this endpoint: what a rule of this stage decides, no later one of it judges",
    )
    assert stages["ingress", "untracked"].then == ()
    assert outline(stages["ingress", "pre-dnat"])[-1] == "Next: what no policy there decides"
    failsafe = [rule.text for rule in stages["ingress", "normal"].before if rule.by == "failsafe"]
    assert failsafe[0].startswith("to failsafe ports: tcp:22, udp:68")
    workload = await effective(InForce(SHOP + HOSTS), "shop/cart")
    assert workload.stages[0].then == (
        "ingress of the workload that it goes to, where that is one",
        "forward egress of host endpoint uplink, of what leaves by eth0",
    )


async def test_what_the_node_decides_itself_follows_its_settings() -> None:
    texts = [rule.by for rule in (await effective(InForce(SHOP), "shop/cart")).stages[0].before]
    assert texts == [
        "not the address of the workload behind that interface",
        "a connection that was allowed before",
        "IPv6 neighbour discovery",
        "encapsulated packets from workloads are dropped",
        "belongs to no connection",
        "a query to the forwarder, which judges it itself",
        "workloads do not reach their own node",
        "a workload that no endpoint describes",
    ]
    in_force = InForce(SHOP, endpoint_to_host_action="Accept", revoke_established="On", fail_open_after=30)
    found = await effective(in_force, "shop/cart")
    before = {rule.by: rule.text for rule in found.stages[0].before}
    assert "workloads do not reach their own node" not in before
    assert before["a connection that was allowed before"].endswith("by now (revoke_established)")
    assert found.notes == ("all of this ends 30 s after the last sign of life of a forwarder",)


async def test_what_cannot_be_said_is_said_to_be() -> None:
    in_force = InForce(SHOP)
    far = await effective(in_force, "shop/far", FakeForwarders(connected=False))
    assert far.problem == "it is on node there"
    assert far.notes == ("no forwarder is connected: what was learned from DNS is not known",)
    with pytest.raises(UnknownEndpoint, match="'shop/nobody'"):
        await effective(in_force, "shop/nobody")
    with pytest.raises(UnknownEndpoint, match="NAMESPACE/NAME"):
        await effective(in_force, "cart")
    in_force.enforcer.problem = "set is full"
    assert (await effective(in_force, "shop/cart")).notes == ("not in sync with the store: set is full",)
    in_force.enforcer.enforced = None
    with pytest.raises(ReadModelUnavailable):
        await effective(in_force, "shop/cart")
