"""From the name of a counter to the rule, whatever the name was cut to."""

from dataclasses import replace

import pytest

from dnsguard.calc.compiled import Action, CompiledProfile, CompiledRule, Direction
from dnsguard.calc.evaluator.trace import Decider
from dnsguard.dataplane import naming
from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.rulenames import RuleNamed, RuleNames
from dnsguard.dataplane.rules import Log
from dnsguard.dataplane.settings import DeniedLog
from tests.support.compiled import compiled, policy, rules
from tests.unit.dataplane.samples import SAMPLES

EGRESS, INGRESS = Direction.EGRESS, Direction.INGRESS
DENY = CompiledRule(0, Action.DENY)


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_rule_that_logs_is_known(sample: str) -> None:
    make, settings = SAMPLES[sample]
    policies = make()
    names = RuleNames()
    names.follow(policies)
    plan = build_plan(policies, replace(settings, denied_log=DeniedLog()))
    parts = [part for chain in plan.chains for rule in chain.rules for part in rule.parts]
    prefixes = {part.prefix for part in parts if isinstance(part, Log)}
    assert prefixes
    assert [prefix for prefix in prefixes if names(prefix) is None] == []


def test_what_the_names_stand_for() -> None:
    web = policy("app.web", [DENY, DENY], [DENY], tier="app")
    names = RuleNames()
    names.follow(compiled(policies=[web], profiles=[CompiledProfile("kns.x", egress=rules(DENY))]))
    rule = RuleNamed(Decider.RULE, EGRESS, "app", web.id, rule_index=1)
    assert names(naming.counter_of(web.id, EGRESS, 1)) == rule
    assert str(rule) == "rule 1 of NetworkPolicy/app/app.web"
    assert names(naming.counter_of_tier("app", INGRESS)) == RuleNamed(Decider.END_OF_TIER, INGRESS, "app")
    profile = RuleNamed(Decider.PROFILE, EGRESS, profile="kns.x", rule_index=0)
    assert (names(naming.counter_of_profile("kns.x", EGRESS, 0)), str(profile)) == (profile, "rule 0 of profile kns.x")
    assert [str(names(each)) for each in (naming.COUNTER_SPOOFED, naming.counter_of_no_profile(EGRESS))] == [
        "not the address of the workload behind that interface",
        "no profile decided",
    ]
    assert names("np-app.app.web-egress-9") is None


def test_names_that_were_cut_are_told_apart() -> None:
    some = [policy("p" * 250 + end, [DENY]) for end in "ab"]
    names = RuleNames()
    names.follow(compiled(policies=some))
    for each in some:
        found = names(naming.counter_of(each.id, EGRESS, 0))
        assert found is not None
        assert found.policy == each.id


def test_a_policy_that_changes_or_goes() -> None:
    web = policy("web", [DENY], tier="one")
    names = RuleNames()
    names.follow(compiled(policies=[web]))
    moved = replace(web, tier="two", egress=rules(DENY, DENY))
    names.follow(compiled(policies=[moved]))
    found = names(naming.counter_of(web.id, EGRESS, 0))
    assert found is not None
    assert found.tier == "two"
    names.follow(compiled())
    assert names(naming.counter_of(web.id, EGRESS, 0)) == found, "its last packets are still to be read"


def test_what_is_gone_is_forgotten_in_the_end() -> None:
    names = RuleNames()
    for number in range(0, 12_000, 1_000):
        names.follow(compiled(policies=[policy(f"p{number}", [DENY] * 1_000)]))
    assert names("np-app.p0-egress-0") is None
    assert names("np-app.p11000-egress-0") is not None
