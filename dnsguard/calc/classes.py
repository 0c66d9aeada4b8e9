"""Classes of endpoints: made from the policies that judge there, and shared by all that are equal."""

from collections.abc import Iterable, Mapping

from dnsguard.calc.compiled import Action, PolicyClass, Stage, TierSlice
from dnsguard.calc.policies import InForce
from dnsguard.calc.stages import STATELESS, Place


def classes_of(
    places: Iterable[Place], policies: Iterable[InForce], profiles: tuple[str, ...]
) -> dict[Place, PolicyClass]:
    """The classes of an endpoint that these policies select: in the normal stage always, elsewhere where one judges."""
    ordered = sorted(policies, key=lambda policy: policy.rank)
    made = {}
    for place in places:
        judging = [policy for policy in ordered if place in policy.places]
        if judging or place[0] is Stage.NORMAL:
            made[place] = _class(place, judging, profiles)
    return made


def _class(place: Place, policies: Iterable[InForce], profiles: tuple[str, ...]) -> PolicyClass:
    stage, direction = place
    by_tier: dict[str, list[InForce]] = {}
    for policy in policies:
        by_tier.setdefault(policy.rank.tier.name, []).append(policy)
    tiers = tuple(
        TierSlice(
            tier=tier,
            default_action=Action.PASS if stage in STATELESS else of_tier[0].default_action,
            policies=tuple(policy.id for policy in of_tier),
        )
        for tier, of_tier in by_tier.items()
    )
    return PolicyClass(direction, stage, tiers, profiles if stage is Stage.NORMAL else ())


class ClassPool:
    """One object for all classes that are equal, for as long as one of them is held."""

    def __init__(self) -> None:
        self._held: dict[PolicyClass, tuple[PolicyClass, int]] = {}
        """With how often."""

    def hold(self, classes: Mapping[Place, PolicyClass]) -> dict[Place, PolicyClass]:
        """Equal classes, those that are shared. They are held until `release`."""
        return {place: self._hold(each) for place, each in classes.items()}

    def release(self, classes: Mapping[Place, PolicyClass]) -> None:
        """Undoes `hold`."""
        for each in classes.values():
            shared, times = self._held[each]
            if times == 1:
                del self._held[each]
            else:
                self._held[each] = (shared, times - 1)

    def _hold(self, policy_class: PolicyClass) -> PolicyClass:
        shared, times = self._held.get(policy_class, (policy_class, 0))
        self._held[shared] = (shared, times + 1)
        return shared
