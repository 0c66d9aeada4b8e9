"""What one endpoint's policies say about a packet."""

from dnsguard.calc.compiled import (
    ANY,
    Action,
    Compiled,
    CompiledEndpoint,
    CompiledRule,
    Direction,
    PolicyClass,
    Stage,
    TierSlice,
)
from dnsguard.calc.evaluator.failsafe import FailsafePorts
from dnsguard.calc.evaluator.matching import LeaseLookup, why_not
from dnsguard.calc.evaluator.packet import Packet
from dnsguard.calc.evaluator.trace import Decider, Decision, Judgement, PolicyTrace, ProfileTrace, RuleTrace, TierTrace

_Tried = tuple[CompiledRule | None, tuple[RuleTrace, ...]]

Known = dict[int, _Tried]
"""What lists of rules say, by identity of the list. For packets of one compiled policy that differ in their source
alone, which the lists do not look at."""


class Judge:
    """Judges one packet. Rules are tried in the order of tiers, policies and rules; then profiles, then the end."""

    def __init__(
        self,
        compiled: Compiled,
        packet: Packet,
        leased: LeaseLookup,
        failsafe: FailsafePorts,
        known: Known | None = None,
    ) -> None:
        """``known`` is read and added to; where there are leases, they must not depend on the source either."""
        self._compiled = compiled
        self._packet = packet
        self._leased = leased
        self._failsafe = failsafe
        self._known = known

    def judge(self, endpoint: CompiledEndpoint, stage: Stage, direction: Direction) -> Judgement:
        """The judgement of one endpoint in one stage and direction."""
        if not endpoint.is_workload and self._failsafe.cover(self._packet, stage, direction):
            return Judgement(endpoint.id, stage, direction, Decision(Decider.FAILSAFE, Action.ALLOW))
        policy_class = endpoint.classes.get((stage, direction))
        if policy_class is None:
            return Judgement(endpoint.id, stage, direction, _undecided(stage, policies=False))
        decision, tiers = self._tiers(policy_class)
        profiles: tuple[ProfileTrace, ...] = ()
        if decision is None and stage is Stage.NORMAL:
            decision, profiles = self._profiles(policy_class)
        return Judgement(
            endpoint.id, stage, direction, decision or _undecided(stage, policies=True), tuple(tiers), profiles
        )

    def _tiers(self, policy_class: PolicyClass) -> tuple[Decision | None, list[TierTrace]]:
        traces: list[TierTrace] = []
        for tier in policy_class.tiers:
            decision, trace = self._tier(tier, policy_class.direction)
            traces.append(trace)
            if decision is not None:
                return decision, traces
        return None, traces

    def _tier(self, tier: TierSlice, direction: Direction) -> tuple[Decision | None, TierTrace]:
        traces: list[PolicyTrace] = []
        for policy in tier.policies:
            found, rules = self._rules(self._compiled.policies[policy].rules(direction))
            traces.append(PolicyTrace(policy, rules))
            if found is not None:
                trace = TierTrace(tier.tier, tuple(traces), found.action, by_rule=True)
                if found.action is Action.PASS:
                    return None, trace
                return Decision(Decider.RULE, found.action, tier.tier, policy, rule_index=found.index), trace
        trace = TierTrace(tier.tier, tuple(traces), tier.default_action, by_rule=False)
        if tier.default_action is Action.PASS:
            return None, trace
        return Decision(Decider.END_OF_TIER, Action.DENY, tier.tier, tier.policies[0], rule_index=-1), trace

    def _profiles(self, policy_class: PolicyClass) -> tuple[Decision, tuple[ProfileTrace, ...]]:
        traces: list[ProfileTrace] = []
        for name in policy_class.profiles:
            found, rules = self._rules(self._compiled.profiles[name].rules(policy_class.direction))
            traces.append(ProfileTrace(name, rules))
            if found is not None and found.action is not Action.PASS:
                return Decision(Decider.PROFILE, found.action, profile=name, rule_index=found.index), tuple(traces)
        return Decision(Decider.NO_PROFILE, Action.DENY), tuple(traces)

    def _rules(self, rules: tuple[CompiledRule, ...]) -> _Tried:
        """The first rule that matches and is more than a note, and what was looked at."""
        if self._known is None:
            return self._tried(rules)
        found = self._known.get(id(rules))
        if found is None:
            found = self._tried(rules)
            if all(rule.source == ANY for rule in rules):
                self._known[id(rules)] = found
        return found

    def _tried(self, rules: tuple[CompiledRule, ...]) -> _Tried:
        traces: list[RuleTrace] = []
        for rule in rules:
            reason = why_not(rule, self._packet, self._compiled, self._leased)
            traces.append(RuleTrace(rule.index, rule.action, reason))
            if not reason and rule.action is not Action.LOG:
                return rule, tuple(traces)
        return None, tuple(traces)


def _undecided(stage: Stage, *, policies: bool) -> Decision:
    """What it means that a stage came to its end. The normal one never does: profiles have the last word there."""
    if stage is not Stage.FORWARD:
        return Decision(Decider.END_OF_STAGE, None)
    return Decision(Decider.END_OF_STAGE if policies else Decider.NO_FORWARD_POLICY, Action.ALLOW)
