"""Classes while policy changes under them."""

from dnsguard.calc.compiled import Action, CompiledProfile, CompiledRule, Direction
from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.planner import Planner
from dnsguard.dataplane.settings import Settings
from tests.support.compiled import ALLOW_ALL, compiled, policy, policy_class, tier, workload

ENDS = policy("ends", [CompiledRule(0, Action.DENY)])
PASSES = policy("ends", [CompiledRule(0, Action.PASS)])


def test_a_class_that_lists_what_is_gone_is_not_made_anew() -> None:
    """The policy begins to pass, so its class would now ask the profile; that one went with its only endpoint."""
    leaving = workload("w", egress=policy_class(Direction.EGRESS, tier("application", ENDS), profiles=("leaving",)))
    staying = workload("v", egress=policy_class(Direction.EGRESS, tier("application", ENDS)))
    planner, settings = Planner(), Settings()
    both = compiled(endpoints=[leaving, staying], policies=[ENDS], profiles=[ALLOW_ALL, CompiledProfile("leaving")])
    planner.plan(both, settings)
    left = compiled(endpoints=[staying], policies=[PASSES])
    assert set(planner.plan(left, settings).chains) == set(build_plan(left, settings).chains)
