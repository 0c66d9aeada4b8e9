"""Warnings about resources that do not fit together."""

from dnsguard.calc.compile import compile_policy
from tests.unit.calc.builders import global_network_set, global_policy, host, workload


def test_stages_that_some_endpoints_do_not_have() -> None:
    compiled = compile_policy(
        [
            host("h", "10.0.0.1"),
            host("all", interfaceName="*"),
            workload("w", "10.1.0.1"),
            global_policy("untracked", doNotTrack=True, applyOnForward=True),
            global_policy("pre", preDNAT=True, applyOnForward=True),
            global_policy("forward", applyOnForward=True),
        ]
    )
    assert compiled.warnings == (
        "GlobalNetworkPolicy/pre: without effect on workload shop/w: it applies to host endpoints only",
        "GlobalNetworkPolicy/untracked: without effect on all: doNotTrack needs a named interface",
        "GlobalNetworkPolicy/untracked: without effect on workload shop/w: it applies to host endpoints only",
    )


def test_an_address_that_two_workloads_claim_is_reported() -> None:
    compiled = compile_policy([workload("a", "10.0.0.1"), workload("b", "10.0.0.1"), host("h", "10.0.0.1")])
    assert compiled.warnings == ("WorkloadEndpoint shop/b: shop/a has the address 10.0.0.1 too, and gets its packets",)


def test_domains_behind_a_negated_selector_are_reported() -> None:
    compiled = compile_policy(
        [
            global_network_set("g", labels={"a": "b"}, allowedEgressDomains=["a.example"]),
            global_policy(
                "p", types=["Egress"], egress=[{"action": "Allow", "destination": {"notSelector": "has(a)"}}]
            ),
        ]
    )
    assert len(compiled.warnings) == 1
    assert "egress[0].destination.notSelector matches network sets with domains" in compiled.warnings[0]
