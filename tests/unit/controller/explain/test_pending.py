"""What is staged is told beside what is enforced."""

import pytest

from dnsguard.calc.compiled import Direction, PolicyId
from dnsguard.calc.staging import View
from dnsguard.controller.explain.pending import PendingPolicy
from dnsguard.controller.explain.policystate import PolicyState
from tests.unit.controller.explain.test_model import explained
from tests.unit.controller.running import SHOP, FakeForwarders, InForce

STAGED = """
---
apiVersion: projectcalico.org/v3
kind: StagedNetworkPolicy
metadata: {name: names, namespace: shop}
spec:
  selector: app == 'cart'
  types: [Egress]
  egress: [{action: Allow, protocol: TCP, destination: {nets: [203.0.113.0/24], ports: [443]}}]
"""
DELETED = """
---
apiVersion: projectcalico.org/v3
kind: StagedNetworkPolicy
metadata: {name: names, namespace: shop}
spec: {stagedAction: Delete}
"""
IGNORED = STAGED.replace("spec:\n", "spec:\n  stagedAction: Ignore\n")


def state(in_force: InForce) -> PolicyState:
    assert in_force.enforcer.enforced is not None
    return PolicyState(in_force.enforcer.enforced.compiled, in_force.enforcer.enforced.resources)


def test_where_nothing_is_staged_there_is_no_other_state() -> None:
    assert PendingPolicy().state(state(InForce(SHOP))) is None


def test_rules_are_quoted_from_the_view_that_they_stand_in() -> None:
    enforced = state(InForce(SHOP + STAGED))
    pending = PendingPolicy().state(enforced)
    assert pending is not None
    assert (enforced.written.view, pending.written.view) == (View.ENFORCED, View.PENDING)
    staged, standing = (PolicyId(kind, "shop", "names") for kind in ("StagedNetworkPolicy", "NetworkPolicy"))
    assert (list(enforced.written.policies), list(pending.written.policies)) == ([standing], [staged])
    assert pending.written.rule(staged, "", Direction.EGRESS, 0) == {
        "action": "Allow",
        "protocol": "TCP",
        "destination": {"nets": ["203.0.113.0/24"], "ports": [443]},
    }
    assert pending.written.rule(staged, "", Direction.EGRESS, 1) is None
    assert pending.written.rule(standing, "", Direction.EGRESS, 0) is None


async def test_a_difference_is_told_without_asking() -> None:
    answer = await explained(InForce(SHOP + STAGED), "203.0.113.1")
    assert answer.verdict == "Deny"
    assert answer.pending is not None
    assert (answer.pending.verdict, answer.pending.differs) == ("Allow", True)
    (outcome,) = answer.pending.outcomes
    assert outcome.decision.text == "by rule 0 of StagedNetworkPolicy/shop/names"


async def test_the_same_verdict_by_another_rule_is_a_difference() -> None:
    answer = await explained(InForce(SHOP + STAGED), "198.51.100.9")
    assert answer.pending is not None
    assert (answer.pending.verdict, answer.pending.differs) == ("Deny", True)
    assert answer.pending.outcomes[0].decision.text == "by the end of tier default, where no rule matched"


async def test_the_deletion_of_a_policy_is_a_difference() -> None:
    answer = await explained(InForce(SHOP + DELETED), "203.0.113.1")
    assert answer.pending is not None
    assert answer.pending.outcomes[0].decision.by == "no profile"


@pytest.mark.parametrize("more", ["", IGNORED])
async def test_what_is_the_same_is_told_only_where_it_is_asked_for(more: str) -> None:
    in_force = InForce(SHOP + more)
    assert (await explained(in_force, "203.0.113.1")).pending is None
    pending = (await explained(in_force, "203.0.113.1", FakeForwarders(), pending=True)).pending
    assert pending is not None
    assert (pending.verdict, pending.differs) == ("Deny", False)
