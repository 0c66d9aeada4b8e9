"""What is kept up to date equals what is calculated from scratch."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnsguard.calc.compile import Compiler, compile_policy
from dnsguard.resources import Resource
from tests.unit.calc.builders import global_network_set, global_policy, host, policy, profile, tier, workload

PORTS = [{"name": "web", "protocol": "TCP", "port": 80}]

STEADY: list[Resource] = [
    workload("steady", "10.0.0.1", labels={"app": "x"}, ports=PORTS, serviceAccountName="robot"),
    workload("other", "10.0.1.1", namespace="else"),
    host("steady", "10.9.0.1"),
    workload("poor", "10.0.1.2", profiles=["nobody-wrote-it"]),
    host("sneaky", "10.9.0.9", profiles=["sneaky"]),
    profile("sneaky", labelsToApply={"projectcalico.org/namespace": "shop"}),
    global_network_set("g", labels={"app": "x"}, nets=["10.0.0.4/31"], allowedEgressDomains=["a.example"]),
    global_policy("p", types=["Egress"], egress=[{"action": "Allow", "destination": {"selector": "app == 'x'"}}]),
    global_policy("q", applyOnForward=True, ingress=[{"action": "Allow", "source": {"notSelector": "has(app)"}}]),
    global_policy("u", doNotTrack=True, applyOnForward=True, selector="app == 'y'", ingress=[{"action": "Deny"}]),
    policy("r", selector="app != 'z'", ingress=[{"action": "Allow", "destination": {"ports": ["web"]}}]),
    policy("s", selector="app == 'z'", egress=[{"action": "Allow", "destination": {"domains": ["b.example"]}}]),
]

COMING: list[Resource] = [
    workload("a", "10.0.0.2", labels={"app": "x"}),
    workload("a", "10.0.0.3", labels={"app": "x"}),
    workload("b", "10.0.0.2", labels={"app": "x"}, ports=PORTS),
    workload("c", "10.0.0.2", "10.0.0.6", labels={"app": "y"}),
    workload("g", "10.0.0.10", profiles=["nobody-wrote-it"]),
    workload("h", "fd00::8", namespace="else", labels={"app": "x"}),
    host("i", "10.9.0.2", labels={"app": "y"}),
    host("k", "10.9.0.4", profiles=["sneaky"]),
]
"""They reach no further than themselves."""

FAR_REACHING: list[Resource] = [
    workload("d", "10.0.0.7", labels={"app": "z"}),
    workload("e", "10.0.0.8", namespace="fresh"),
    workload("f", "10.0.0.9", serviceAccountName="stranger"),
    host("j", "10.9.0.3", interfaceName="*", labels={"app": "y"}),
    tier("t", order=5),
    policy("v", tier="t", egress=[{"action": "Pass"}]),
]

POOL = [*COMING, *FAR_REACHING]

STEPS = st.lists(
    st.sets(st.integers(0, len(COMING) - 1)) | st.sets(st.integers(0, len(POOL) - 1)),
    min_size=1,
    max_size=6,
)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_every_step_equals_a_calculation_from_scratch(steps: list[set[int]]) -> None:
    compiler = Compiler()
    for step in steps:
        coming = {(each.kind, each.namespace, each.name): each for each in (POOL[number] for number in sorted(step))}
        resources = [*STEADY, *coming.values()]
        assert compiler.compile(resources) == compile_policy(resources)


@pytest.mark.parametrize(
    ("resource", "followed"),
    [
        (workload("a", "10.0.0.2", labels={"app": "x"}), True),
        (workload("a", namespace="else", labels={"app": "y"}), True),
        (workload("a", serviceAccountName="robot"), True),
        (host("a", "10.9.0.2"), True),
        (host("a", "10.9.0.2", profiles=["sneaky"]), True),
        (workload("a", namespace="fresh"), False),
        (workload("a", serviceAccountName="stranger"), False),
        (workload("a", labels={"app": "z"}), False),
        (workload("a", profiles=["projectcalico-default-allow"]), False),
        (tier("t"), False),
    ],
)
def test_a_change_is_followed_where_it_reaches_no_further(resource: Resource, followed: bool) -> None:
    compiler = Compiler()
    before = compiler.compile(STEADY)
    with_it = compiler.compile([*STEADY, resource])
    assert compiler.from_scratch == (1 if followed else 2)
    assert before == compile_policy(STEADY)
    assert with_it == compile_policy([*STEADY, resource])
    assert compiler.compile(STEADY) == before
    assert compiler.from_scratch == (1 if followed else 3)


def test_a_failure_half_way_leaves_nothing_to_go_on_from(monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = Compiler()
    compiler.compile(STEADY)

    def broken(*_: Any) -> None:
        raise RuntimeError("half-way")

    changed = [*STEADY, COMING[0]]
    with monkeypatch.context() as patch:
        patch.setattr("dnsguard.calc.sets.collapsed", broken)
        with pytest.raises(RuntimeError, match="half-way"):
            compiler.compile(changed)
    assert compiler.compile(changed) == compile_policy(changed)
