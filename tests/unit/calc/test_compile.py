"""From resources to what endpoints are judged by."""

from hypothesis import given, settings
from hypothesis import strategies as st

from dnsguard.calc.compile import compile_policy
from dnsguard.calc.compiled import Action, Direction, EndpointId, PolicyClass, PolicyId, Stage, TierSlice
from dnsguard.resources import Resource
from tests.unit.calc.builders import (
    global_network_set,
    global_policy,
    host,
    namespace,
    network_set,
    policy,
    profile,
    tier,
    workload,
)
from tests.unit.calc.places import place

ALLOW = [{"action": "Allow"}]


def test_classes_list_tiers_and_policies_in_order() -> None:
    compiled = compile_policy(
        [
            tier("late", order=2_000_000, defaultAction="Pass"),
            workload("w", "10.0.0.1", labels={"app": "x"}),
            policy("two", order=2, selector="app == 'x'", types=["Egress"]),
            global_policy("one", order=1, types=["Ingress", "Egress"]),
            global_policy("last", tier="late", types=["Egress"]),
            global_policy("no", selector="app == 'y'", types=["Egress"]),
            policy("elsewhere", "other", types=["Egress"]),
        ]
    )
    (endpoint,) = compiled.endpoints.values()
    assert endpoint.id == EndpointId("WorkloadEndpoint", "shop", "w")
    assert endpoint.classes == {
        (Stage.NORMAL, Direction.INGRESS): PolicyClass(
            Direction.INGRESS,
            Stage.NORMAL,
            (TierSlice("default", Action.DENY, (PolicyId("GlobalNetworkPolicy", "", "one"),)),),
            ("kns.shop",),
        ),
        (Stage.NORMAL, Direction.EGRESS): PolicyClass(
            Direction.EGRESS,
            Stage.NORMAL,
            (
                TierSlice(
                    "default",
                    Action.DENY,
                    (PolicyId("GlobalNetworkPolicy", "", "one"), PolicyId("NetworkPolicy", "shop", "two")),
                ),
                TierSlice("late", Action.PASS, (PolicyId("GlobalNetworkPolicy", "", "last"),)),
            ),
            ("kns.shop",),
        ),
    }
    assert {each.name for each in compiled.policies} == {"one", "two", "last"}
    assert compiled.profiles.keys() == {"kns.shop"}


def test_rules_of_a_direction_that_types_leaves_out_are_left_out() -> None:
    compiled = compile_policy([workload("w"), policy("p", types=["Egress"], ingress=ALLOW, egress=ALLOW)])
    (found,) = compiled.policies.values()
    assert (len(found.ingress), len(found.egress)) == (0, 1)


def test_a_host_is_in_no_namespace_whatever_its_profiles_say() -> None:
    sneaky = profile("sneaky", labelsToApply={"projectcalico.org/namespace": "shop"})
    rules = [{"action": "Allow", "destination": {"selector": "all()"}}, *ALLOW]
    compiled = compile_policy(
        [host("h", "10.9.0.1", profiles=["sneaky"]), workload("w", "10.0.0.1"), sneaky, policy("p", egress=rules)]
    )
    (members,) = compiled.member_sets.values()
    assert [str(network) for network in members.networks] == ["10.0.0.1/32"]


def test_a_namespaced_policy_never_judges_a_host() -> None:
    sneaky = profile("sneaky", labelsToApply={"projectcalico.org/namespace": "shop"})
    compiled = compile_policy([host("h", profiles=["sneaky"]), sneaky, policy("p", egress=ALLOW)])
    assert place(compiled, "h", Stage.NORMAL, Direction.EGRESS) == []


def test_an_unknown_profile_denies_everything() -> None:
    compiled = compile_policy([workload("w", profiles=["nobody-wrote-it"])])
    found = compiled.profiles["nobody-wrote-it"]
    assert [rule.action for rule in (*found.ingress, *found.egress)] == [Action.DENY, Action.DENY]
    assert compiled.warnings == (
        "WorkloadEndpoint shop/w: profile 'nobody-wrote-it' does not exist, so it denies what comes to it",
    )


def test_labels_of_namespaces_reach_workloads_and_sets() -> None:
    compiled = compile_policy(
        [
            namespace("shop", env="prod"),
            workload("w", "10.0.0.1"),
            workload("other", "10.0.0.2", namespace="else"),
            network_set("n", nets=["192.0.2.0/24"]),
            global_policy(
                "p",
                namespaceSelector="env == 'prod'",
                types=["Egress"],
                egress=[{"action": "Allow", "destination": {"namespaceSelector": "env == 'prod'"}}],
            ),
        ]
    )
    assert place(compiled, "w", Stage.NORMAL, Direction.EGRESS) == [("default", "deny", ["p"])]
    assert place(compiled, "other", Stage.NORMAL, Direction.EGRESS) == []
    (members,) = compiled.member_sets.values()
    assert [str(network) for network in members.networks] == ["10.0.0.1/32", "192.0.2.0/24"]


def test_the_lease_sets_of_an_endpoint_are_those_of_its_policies_and_profiles() -> None:
    egress = [{"action": "Allow", "destination": {"selector": "has(feed)"}}]
    compiled = compile_policy(
        [
            global_network_set("g", labels={"feed": "x"}, allowedEgressDomains=["a.example"]),
            workload("w", profiles=["p"]),
            workload("v"),
            profile("p", egress=egress),
            policy("p", selector="!all()", egress=egress),
        ]
    )
    of = {endpoint.id.name: compiled.lease_sets_of(endpoint) for endpoint in compiled.endpoints.values()}
    assert of == {"w": compiled.lease_sets.keys(), "v": frozenset()}


POOL: list[Resource] = [
    tier("t", order=3, defaultAction="Pass"),
    namespace("shop", env="prod"),
    workload("a", "10.0.0.1", labels={"app": "x"}, ports=[{"name": "web", "protocol": "TCP", "port": 80}]),
    workload("b", "10.0.0.2", namespace="else", labels={"app": "x"}),
    host("h", "10.0.0.3"),
    network_set("n", labels={"app": "x"}, nets=["192.0.2.0/25"], allowedEgressDomains=["a.example"]),
    global_network_set("g", labels={"app": "x"}, nets=["192.0.2.128/25"], allowedEgressDomains=["*.a.example"]),
    global_policy("p", types=["Egress"], egress=[{"action": "Allow", "destination": {"selector": "app == 'x'"}}]),
    global_policy(
        "q", tier="t", applyOnForward=True, ingress=[{"action": "Pass", "source": {"notSelector": "has(app)"}}]
    ),
    policy("r", ingress=[{"action": "Allow", "destination": {"ports": ["web"]}}]),
    policy("s", "else", tier="gone", egress=[{"action": "Allow", "destination": {"domains": ["b.example"]}}]),
]


@settings(max_examples=50)
@given(st.permutations(POOL), st.integers(0, len(POOL)))
def test_the_order_of_resources_makes_no_difference(shuffled: list[Resource], count: int) -> None:
    chosen = shuffled[:count]
    assert compile_policy(chosen) == compile_policy([each for each in POOL if any(each is one for one in chosen)])
