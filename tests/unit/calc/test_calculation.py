"""A change costs what depends on it, and what does not depend on it stays the same objects."""

from dataclasses import asdict
from typing import Any

import pytest

from dnsguard.calc.compile import Compiler, compile_policy
from dnsguard.calc.compiled import Compiled, CompiledEndpoint
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

ALLOW_FEED = [{"action": "Allow", "destination": {"selector": "has(feed)"}}]

WORLD: list[Resource] = [
    tier("t", order=5),
    namespace("shop", env="prod"),
    namespace("else", env="prod"),
    *(workload(f"w{number}", f"10.0.0.{number}", labels={"app": "x"}) for number in range(1, 21)),
    workload("y", "10.0.1.1", labels={"app": "y"}),
    *(workload(f"e{number}", f"10.0.2.{number}", namespace="else", labels={"app": "x"}) for number in range(1, 11)),
    host("h", "10.9.0.1", profiles=["p"]),
    profile("p", egress=[{"action": "Allow"}]),
    network_set("n", nets=["192.0.2.0/24"], labels={"feed": "n"}),
    global_network_set("g", nets=["198.51.100.0/24"], labels={"feed": "g"}),
    policy("x", selector="app == 'x'", types=["Egress"], egress=ALLOW_FEED),
    policy("y", tier="t", selector="app == 'y'", types=["Ingress"]),
    global_policy("all", types=["Ingress"], ingress=[{"action": "Allow", "source": {"selector": "app == 'x'"}}]),
]


def changed(*instead: Resource, without: str = "") -> list[Resource]:
    """The world with some objects replaced or added, and one that is gone."""
    keys = {(each.kind, each.namespace, each.name): each for each in WORLD}
    keys |= {(each.kind, each.namespace, each.name): each for each in instead}
    return [each for each in keys.values() if each.name != without]


@pytest.mark.parametrize(
    ("resources", "work"),
    [
        (changed(workload("w1", "10.0.0.1", labels={"app": "x"})), {}),
        (changed(profile("unheard-of")), {}),
        (changed(tier("unheard-of")), {}),
        (changed(policy("nobody", selector="app == 'z'", egress=ALLOW_FEED)), {}),
        (changed(workload("w1", "10.0.0.1", labels={"app": "x", "new": "label"})), {"labels": 1, "endpoints": 1}),
        (changed(workload("w1", "10.0.0.1", labels={"app": "y"})), {"labels": 1, "endpoints": 1, "sets": 1}),
        (changed(workload("new", "10.0.0.99", labels={"app": "x"})), {"labels": 1, "endpoints": 1, "sets": 1}),
        (changed(workload("w1", "10.0.0.99", labels={"app": "x"})), {"labels": 1, "endpoints": 1, "sets": 1}),
        (changed(host("h", "10.9.0.2", profiles=["p"])), {"labels": 1, "endpoints": 1}),
        (changed(policy("x", selector="app == 'x'", types=["Egress"])), {"policies": 1}),
        (changed(policy("y", tier="t", selector="app == 'y'", types=["Ingress"], order=9)), {"policies": 1}),
        (changed(policy("y", selector="app == 'y'", types=["Ingress"])), {"policies": 1, "endpoints": 1}),
        (changed(policy("y", tier="t", selector="app == 'z'", types=["Ingress"])), {"endpoints": 1}),
        (changed(tier("t", order=2_000_000)), {"endpoints": 1}),
        (changed(tier("t", order=6)), {}),
        (changed(without="t"), {"endpoints": 1}),
        (changed(profile("p", egress=[{"action": "Deny"}])), {"profiles": 1}),
        (
            changed(profile("p", egress=[{"action": "Allow"}], labelsToApply={"a": "b"})),
            {"labels": 1, "endpoints": 1, "profiles": 1},
        ),
        (changed(global_network_set("g", nets=["203.0.113.0/24"], labels={"feed": "g"})), {}),
        (changed(network_set("n", nets=["203.0.113.0/24"], labels={"feed": "n"})), {"sets": 1}),
        (changed(namespace("else", env="dev")), {"labels": 10, "endpoints": 10, "profiles": 1}),
    ],
)
def test_a_change_touches_what_depends_on_it(resources: list[Resource], work: dict[str, int]) -> None:
    compiler = Compiler()
    first = compiler.compile(WORLD)
    before = asdict(compiler.work)
    second = compiler.compile(resources)
    done = {field: after - before[field] for field, after in asdict(compiler.work).items() if after != before[field]}
    assert done == work
    assert second == compile_policy(resources)
    assert compiler.from_scratch == 1
    if not work:
        assert second is first


def test_what_did_not_change_is_the_same_object() -> None:
    compiler = Compiler()
    first = compiler.compile(WORLD)
    second = compiler.compile(changed(workload("w1", "10.0.0.1", labels={"app": "y"})))
    others: list[CompiledEndpoint] = [each for each in first.endpoints.values() if each.id.name != "w1"]
    assert all(second.endpoints[each.id] is each for each in others)
    assert (second.policies is first.policies, second.profiles is first.profiles) == (True, True)
    assert compiler.compile(WORLD) == first


def test_a_rule_that_is_as_it_was_stays_the_same_object() -> None:
    compiler = Compiler()
    rules = [{"action": "Log"}, *ALLOW_FEED]
    (first,) = compiler.compile([workload("w"), policy("p", types=["Egress"], egress=rules)]).policies.values()
    more = [*rules, {"action": "Deny"}]
    (second,) = compiler.compile([workload("w"), policy("p", types=["Egress"], egress=more)]).policies.values()
    assert [one is other for one, other in zip(first.egress, second.egress, strict=False)] == [True, True]


def test_two_objects_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="WorkloadEndpoint shop/w is there twice"):
        compile_policy([workload("w", "10.0.0.1"), workload("w", "10.0.0.2")])
    compiler = Compiler()
    compiler.compile([first := workload("w", "10.0.0.1")])
    with pytest.raises(ValueError, match="twice"):
        compiler.compile([first, workload("w", "10.0.0.2")])


def test_a_failure_half_way_leaves_nothing_to_go_on_from(monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = Compiler()
    compiler.compile(WORLD)

    def broken(*_: Any) -> None:
        raise RuntimeError("half-way")

    resources = changed(workload("new", "10.0.0.99", labels={"app": "x"}))
    with monkeypatch.context() as patch:
        patch.setattr("dnsguard.calc.union.NetworkUnion.networks", broken)
        with pytest.raises(RuntimeError, match="half-way"):
            compiler.compile(resources)
    with pytest.raises(ValueError, match="nothing is compiled"):
        _ = compiler.work
    assert compiler.compile(resources) == compile_policy(resources)
    assert compiler.from_scratch == 2


def test_nothing_compiles_to_nothing() -> None:
    assert compile_policy([]) == Compiled()
