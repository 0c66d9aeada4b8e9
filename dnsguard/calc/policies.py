"""The policies in force: those that stand and whose tier is there."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from dnsguard.calc.advice import Advice
from dnsguard.calc.changes import Change
from dnsguard.calc.compiled import Action, PolicyId
from dnsguard.calc.ordering import BUILTIN, OrderedTier, Rank, ordered_tier, rank
from dnsguard.calc.scoping import policy_selector
from dnsguard.calc.stages import Place, places_of
from dnsguard.calc.staging import Standing, StandingChange
from dnsguard.resources import Tier
from dnsguard.resources.policy import PolicySpec
from dnsguard.selector import Expression


@dataclass(eq=False, slots=True)
class InForce:
    """One policy in force. It stays the same object while the policy changes; only the book writes to it."""

    id: PolicyId
    spec: PolicySpec
    selector: Expression
    rank: Rank
    default_action: Action
    """Of its tier."""

    places: frozenset[Place]


@dataclass(frozen=True, slots=True)
class PolicyChanges:
    """What became of the policies in force."""

    new: list[InForce] = field(default_factory=list)
    gone: list[InForce] = field(default_factory=list)
    rewritten: list[InForce] = field(default_factory=list)
    """Another spec."""

    reselected: list[tuple[Expression, InForce]] = field(default_factory=list)
    """Another selector; the one before comes with them."""

    moved: list[InForce] = field(default_factory=list)
    """Another rank, default action or places."""


class PolicyBook:
    """Policies that stand, and tiers."""

    def __init__(self, advice: Advice) -> None:
        self._advice = advice
        self._tiers: dict[str, OrderedTier] = dict(BUILTIN)
        self._standing: dict[PolicyId, Standing] = {}
        self._of_tier: dict[str, set[PolicyId]] = {}
        self._in_force: dict[PolicyId, InForce] = {}

    def apply(self, changes: Iterable[Change], standing: Sequence[StandingChange]) -> PolicyChanges:
        """Takes on changed tiers and policies."""
        touched = dict.fromkeys(
            identity for name in self._tiers_of(changes) for identity in self._of_tier.get(name, ())
        )
        for before, _ in standing:
            if before is not None:
                del self._standing[before.id]
                of_tier = self._of_tier[before.spec.tier]
                of_tier.remove(before.id)
                if not of_tier:
                    del self._of_tier[before.spec.tier]
                touched[before.id] = None
        for _, after in standing:
            if after is not None:
                self._standing[after.id] = after
                self._of_tier.setdefault(after.spec.tier, set()).add(after.id)
                touched[after.id] = None
        found = PolicyChanges()
        for identity in touched:
            self._follow(identity, found)
        return found

    def _tiers_of(self, changes: Iterable[Change]) -> list[str]:
        """The names of the tiers that changed; they are as they were written from here on."""
        names = []
        for before, after in changes:
            if isinstance(after, Tier):
                self._tiers[after.name] = ordered_tier(after)
                names.append(after.name)
            elif isinstance(before, Tier):
                del self._tiers[before.name]
                if before.name in BUILTIN:
                    self._tiers[before.name] = BUILTIN[before.name]
                names.append(before.name)
        return names

    def _follow(self, identity: PolicyId, found: PolicyChanges) -> None:
        standing = self._standing.get(identity)
        tier = self._tiers.get(standing.spec.tier) if standing is not None else None
        self._advise(identity, standing, tier)
        held = self._in_force.get(identity)
        if standing is None or tier is None:
            if held is not None:
                del self._in_force[identity]
                found.gone.append(held)
            return
        now = _in_force(standing, tier)
        if held is None:
            self._in_force[identity] = now
            found.new.append(now)
            return
        if held.spec != now.spec:
            held.spec = now.spec
            found.rewritten.append(held)
        if held.selector != now.selector:
            found.reselected.append((held.selector, held))
            held.selector = now.selector
        if (held.rank, held.default_action, held.places) != (now.rank, now.default_action, now.places):
            held.rank, held.default_action, held.places = now.rank, now.default_action, now.places
            found.moved.append(held)

    def _advise(self, identity: PolicyId, standing: Standing | None, tier: OrderedTier | None) -> None:
        lines = []
        if standing is not None and tier is None:
            lines.append(f"{identity}: not enforced, since there is no tier {standing.spec.tier!r}")
        self._advice.say((PolicyBook, identity), lines)


def _in_force(policy: Standing, tier: OrderedTier) -> InForce:
    return InForce(
        id=policy.id,
        spec=policy.spec,
        selector=policy_selector(policy.spec, policy.id.namespace),
        rank=rank(tier, policy.spec.order, policy.id),
        default_action=tier.default_action,
        places=places_of(policy.spec),
    )
