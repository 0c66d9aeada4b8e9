"""Who decides about a packet, and what was looked at on the way."""

import pytest

from dnsguard.calc.compile import compile_policy
from dnsguard.calc.compiled import Action, Direction, PolicyId, Stage
from dnsguard.calc.evaluator.evaluate import Evaluator
from dnsguard.calc.evaluator.failsafe import DEFAULT_FAILSAFE
from dnsguard.calc.evaluator.judge import Judge, Known
from dnsguard.calc.evaluator.matching import nothing_leased
from dnsguard.calc.evaluator.trace import Decider, Decision
from dnsguard.resources import Resource
from tests.unit.calc.builders import policy, profile, tier, workload
from tests.unit.calc.probes import OUT, P, W, egress, judged, packet


@pytest.mark.parametrize(
    ("resources", "expected", "text"),
    [
        (
            [egress({"action": "Log"}, {"action": "Deny"})],
            Decision(Decider.RULE, Action.DENY, "default", P, rule_index=1),
            "rule 1 of NetworkPolicy/shop/p",
        ),
        (
            [egress(), policy("q", types=["Egress"])],
            Decision(Decider.END_OF_TIER, Action.DENY, "default", P, rule_index=-1),
            "end of tier default",
        ),
        (
            [egress({"action": "Pass"}), policy("q", types=["Egress"])],
            Decision(Decider.PROFILE, Action.ALLOW, profile="kns.shop", rule_index=0),
            "profile kns.shop",
        ),
        (
            [tier("t", order=1, defaultAction="Pass"), egress(tier="t"), policy("q", egress=[{"action": "Allow"}])],
            Decision(Decider.RULE, Action.ALLOW, "default", PolicyId("NetworkPolicy", "shop", "q"), rule_index=0),
            "rule 0 of NetworkPolicy/shop/q",
        ),
        ([], Decision(Decider.PROFILE, Action.ALLOW, profile="kns.shop", rule_index=0), "profile kns.shop"),
    ],
)
def test_who_decided(resources: list[Resource], expected: Decision, text: str) -> None:
    judgement = judged(resources, packet("10.0.0.1", OUT))
    assert judgement.decision == expected
    assert str(judgement.decision) == text


def test_profiles_are_asked_in_order_and_their_end_denies() -> None:
    rules = [{"action": "Deny", "destination": {"nets": ["192.0.2.0/24"]}}]
    compiled = compile_policy(
        [workload("w", "10.0.0.1", profiles=["a", "b"]), profile("a", egress=rules), profile("b", egress=[])]
    )
    judge = Evaluator(compiled).judge
    denied = judge(W, Direction.EGRESS, packet("10.0.0.1", "192.0.2.1"))
    assert denied.decision == Decision(Decider.PROFILE, Action.DENY, profile="a", rule_index=0)
    ended = judge(W, Direction.EGRESS, packet("10.0.0.1", OUT))
    assert ended.decision == Decision(Decider.NO_PROFILE, Action.DENY)
    assert [(each.name, [rule.why_not for rule in each.rules]) for each in ended.profiles] == [
        ("a", [f"destination {OUT} is in none of [192.0.2.0/24]"]),
        ("b", []),
    ]


def test_the_trace_shows_everything_that_was_looked_at() -> None:
    judgement = judged(
        [
            tier("t", order=1),
            egress({"action": "Pass", "protocol": "TCP"}, tier="t"),
            policy(
                "q", order=1, types=["Egress"], egress=[{"action": "Allow", "destination": {"domains": ["a.example"]}}]
            ),
            policy("r", order=2, types=["Egress"], egress=[{"action": "Log"}, {"action": "Allow", "protocol": "UDP"}]),
        ],
        packet("10.0.0.1", OUT),
    )
    assert [
        (
            each.name,
            each.outcome.value,
            each.by_rule,
            [(one.id.name, [rule.why_not for rule in one.rules]) for one in each.policies],
        )
        for each in judgement.tiers
    ] == [
        ("t", "pass", True, [("p", [""])]),
        (
            "default",
            "deny",
            False,
            [
                ("q", [f"destination {OUT} was not learned for 10.0.0.1 from a name of [a.example]"]),
                ("r", ["", "the protocol is TCP, not UDP"]),
            ],
        ),
    ]


def test_what_is_known_of_rules_holds_for_other_sources_where_no_rule_looks_there() -> None:
    of_source = {"action": "Allow", "source": {"nets": ["10.0.0.1/32"]}}
    of_others = {"action": "Deny", "destination": {"nets": ["192.0.2.0/24"]}}
    compiled = compile_policy(
        [workload("w", "10.0.0.1", "10.0.0.2"), egress(of_others), policy("q", types=["Egress"], egress=[of_source])]
    )
    known: Known = {}
    decided = []
    for source in "10.0.0.1", "10.0.0.2", "10.0.0.1":
        own, shared = (
            Judge(compiled, packet(source, OUT), nothing_leased, DEFAULT_FAILSAFE, given).judge(
                compiled.endpoints[W], Stage.NORMAL, Direction.EGRESS
            )
            for given in (None, known)
        )
        assert own == shared
        decided.append(own.decision.action)
    assert decided == [Action.ALLOW, Action.DENY, Action.ALLOW]
    assert list(known) == [id(compiled.policies[P].egress)]
