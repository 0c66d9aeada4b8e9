"""Sums of counters that only grow, though the counters themselves come, go and begin anew. Pure.

Prometheus takes a counter that falls for one that began anew, and counts all it says then as new. A sum over rules
would fall with every rule that is taken away.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from dnsguard.calc.compiled import Action, Direction, PolicyId
from dnsguard.controller.counting.catalogue import CountedPolicy
from dnsguard.dataplane.counted import Counted

NOTHING = Counted(0, 0)


class PolicySum(NamedTuple):
    """What one sum of a policy is about."""

    policy: PolicyId
    tier: str
    direction: Direction
    action: Action


class TierSum(NamedTuple):
    """What one sum of a tier's policies is about."""

    tier: str
    direction: Direction
    action: Action


class Ledger:
    """What was counted since ``open``. Sums of policies that are gone are dropped; those of tiers stay."""

    def __init__(self) -> None:
        self._seen: dict[str, Counted] = {}
        self.policies: Mapping[PolicySum, Counted] = {}
        self.tiers: Mapping[TierSum, Counted] = {}
        """What was handed out never changes."""

    def open(self, counts: Mapping[str, Counted]) -> None:
        """What is counted already was counted before our time."""
        self._seen = dict(counts)

    def take(self, policies: Iterable[CountedPolicy], counts: Mapping[str, Counted]) -> None:
        """Add what was counted since the last time. A counter that says less than then began anew meanwhile."""
        seen: dict[str, Counted] = {}
        sums: dict[PolicySum, Counted] = {}
        for each in policies:
            for rule in each.rules:
                before = self._seen.get(rule.counter)
                now = counts.get(rule.counter, before)
                if now is None:
                    continue
                seen[rule.counter] = now
                key = PolicySum(each.id, each.tier, rule.direction, rule.action)
                if key not in sums:
                    sums[key] = self.policies.get(key, NOTHING)
                if now != before:
                    new = since(before, now)
                    sums[key] = added(sums[key], new)
                    self._add_to_tier(key, new)
        self._seen, self.policies = seen, sums

    def end(self, policy: CountedPolicy, counts: Mapping[str, Counted]) -> None:
        """Those of a policy's rules whose counters are among ``counts`` are others from now on: this is the last that
        they counted, and their counters are at nothing."""
        for rule in policy.rules:
            now = counts.get(rule.counter)
            if now is not None:
                key = PolicySum(policy.id, policy.tier, rule.direction, rule.action)
                new = since(self._seen.get(rule.counter), now)
                self.policies = {**self.policies, key: added(self.policies.get(key, NOTHING), new)}
                self._add_to_tier(key, new)
                self._seen[rule.counter] = NOTHING

    def _add_to_tier(self, key: PolicySum, new: Counted) -> None:
        if key.tier:
            whole = TierSum(key.tier, key.direction, key.action)
            self.tiers = {**self.tiers, whole: added(self.tiers.get(whole, NOTHING), new)}


def since(before: Counted | None, now: Counted) -> Counted:
    """What came since ``before``."""
    if before is None or now.packets < before.packets or now.bytes < before.bytes:
        return now
    return Counted(now.packets - before.packets, now.bytes - before.bytes)


def added(some: Counted, more: Counted) -> Counted:
    """Both together."""
    return Counted(some.packets + more.packets, some.bytes + more.bytes)
