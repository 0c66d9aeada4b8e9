"""The rules of policies and profiles, and the sets that they ask for."""

from dnsguard.calc.asking import Asking
from dnsguard.calc.compiled import CompiledPolicy, CompiledProfile, CompiledRule, Direction, PolicyId
from dnsguard.calc.profiles import EffectiveProfile
from dnsguard.calc.published import Published
from dnsguard.calc.rules import compiled_rules
from dnsguard.calc.sets import SetRegistry
from dnsguard.resources import PolicyType, Rule
from dnsguard.resources.policy import PolicySpec

_Lists = tuple[tuple[CompiledRule, ...], tuple[CompiledRule, ...]]
"""Of ingress and egress."""


class RuleBook:
    """Compiled policies and profiles by name. A rule that comes out as it was stays the same object."""

    def __init__(self, sets: SetRegistry) -> None:
        self._sets = sets
        self.policies = Published[PolicyId, CompiledPolicy]()
        self.profiles = Published[str, CompiledProfile]()

    def put_policy(self, identity: PolicyId, spec: PolicySpec) -> None:
        """Compiles it, for the first time or anew; rules of a direction that `types` leaves out are left out too."""
        before = self.policies.get(identity)
        ingress, egress = self._compiled(
            identity,
            identity.namespace,
            (
                spec.ingress or () if PolicyType.INGRESS in spec.types else (),
                spec.egress or () if PolicyType.EGRESS in spec.types else (),
            ),
            (before.ingress, before.egress) if before is not None else ((), ()),
        )
        self.policies.put(identity, CompiledPolicy(identity, spec.tier, ingress, egress))

    def drop_policy(self, identity: PolicyId) -> None:
        """Neither it nor its sets are needed."""
        self.policies.drop(identity)
        self._sets.settle(identity, set())

    def put_profile(self, name: str, profile: EffectiveProfile) -> None:
        """Compiles it, for the first time or anew."""
        before = self.profiles.get(name)
        ingress, egress = self._compiled(
            name,
            "",
            (profile.ingress, profile.egress),
            (before.ingress, before.egress) if before is not None else ((), ()),
        )
        self.profiles.put(name, CompiledProfile(name, ingress, egress))

    def drop_profile(self, name: str) -> None:
        """Neither it nor its sets are needed."""
        self.profiles.drop(name)
        self._sets.settle(name, set())

    def _compiled(
        self,
        owner: PolicyId | str,
        namespace: str,
        rules: tuple[tuple[Rule, ...], tuple[Rule, ...]],
        before: _Lists,
    ) -> _Lists:
        asking = Asking(self._sets, owner)
        ingress = compiled_rules(rules[0], Direction.INGRESS, namespace, asking)
        egress = compiled_rules(rules[1], Direction.EGRESS, namespace, asking)
        asking.done()
        return _kept(before[0], ingress), _kept(before[1], egress)


def _kept(before: tuple[CompiledRule, ...], now: tuple[CompiledRule, ...]) -> tuple[CompiledRule, ...]:
    same = (was if was == rule else rule for was, rule in zip(before, now, strict=False))
    return (*same, *now[len(before) :])
