"""Which policies stand: those in force, or those that would be if everything staged were."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from dnsguard.calc.advice import Advice
from dnsguard.calc.changes import Change
from dnsguard.calc.compiled import PolicyId
from dnsguard.resources import (
    GlobalNetworkPolicy,
    KubernetesNetworkPolicy,
    NetworkPolicy,
    Resource,
    StagedAction,
    StagedGlobalNetworkPolicy,
    StagedKubernetesNetworkPolicy,
    StagedNetworkPolicy,
    calico_spec,
)
from dnsguard.resources.policy import PolicySpec


class View(Enum):
    """What policy is compiled for."""

    ENFORCED = "enforced"
    """What is in force: nothing that is staged is seen."""

    PENDING = "pending"
    """What would be in force if everything that is staged were."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A policy of any kind, as it counts."""

    id: PolicyId
    spec: PolicySpec


class StandingChange(NamedTuple):
    """What stood and what stands under one name, None where nothing does. Their identities may differ."""

    before: Standing | None
    after: Standing | None


class _Slot(NamedTuple):
    """What an enforced policy and the staged one that is about it have in common."""

    family: type[Resource]
    namespace: str
    name: str


_Staged = StagedNetworkPolicy | StagedGlobalNetworkPolicy | StagedKubernetesNetworkPolicy
_Policy = NetworkPolicy | GlobalNetworkPolicy | KubernetesNetworkPolicy | _Staged

_FAMILIES: dict[type[Resource], type[Resource]] = {
    StagedNetworkPolicy: NetworkPolicy,
    StagedGlobalNetworkPolicy: GlobalNetworkPolicy,
    StagedKubernetesNetworkPolicy: KubernetesNetworkPolicy,
}


class Staging:
    """Enforced policies, those that are staged, and which of them stand."""

    def __init__(self, view: View, advice: Advice) -> None:
        self._view = view
        self._advice = advice
        self._enforced: dict[_Slot, Standing | None] = {}
        self._staged: dict[_Slot, Standing | None] = {}
        """None where the enforced policy is to be deleted."""

    def seen(self, changes: Iterable[Change]) -> Iterator[Change]:
        """The changes as this view sees them: a staged object without effect on it is not there at all."""
        for change in changes:
            before, after = map(self._seen, change)
            if before is not None or after is not None:
                yield Change(before, after)

    def apply(self, changes: Iterable[Change]) -> list[StandingChange]:
        """What changes that this view sees come to, in policies that stand."""
        before: dict[_Slot, Standing | None] = {}
        for was, now in changes:
            resource = now if now is not None else was
            if not isinstance(resource, _Policy):
                continue
            slot = _Slot(_FAMILIES.get(type(resource), type(resource)), resource.namespace, resource.name)
            before.setdefault(slot, self._standing(slot))
            held = self._staged if isinstance(resource, _Staged) else self._enforced
            if now is None:
                del held[slot]
            else:
                held[slot] = _standing(resource)
        for slot in before:
            self._advise(slot)
        return [StandingChange(was, self._standing(slot)) for slot, was in before.items()]

    def _seen(self, resource: Resource | None) -> Resource | None:
        if not isinstance(resource, _Staged):
            return resource
        without_effect = self._view is View.ENFORCED or resource.spec.staged_action is StagedAction.IGNORE
        return None if without_effect else resource

    def _standing(self, slot: _Slot) -> Standing | None:
        return self._staged.get(slot, self._enforced.get(slot))

    def _advise(self, slot: _Slot) -> None:
        without = slot in self._staged and self._staged[slot] is None and slot not in self._enforced
        name = PolicyId(slot.family.__name__, slot.namespace, slot.name)
        self._advice.say((Staging, slot), [f"{name}: staged to be deleted, and not there"] if without else [])


def _standing(policy: _Policy) -> Standing | None:
    """As it counts; None of one that says that another is to be deleted."""
    if isinstance(policy, _Staged) and policy.spec.staged_action is StagedAction.DELETE:
        return None
    # The name of the class, since two groups have a kind NetworkPolicy.
    identity = PolicyId(type(policy).__name__, policy.namespace, policy.name)
    if isinstance(policy, KubernetesNetworkPolicy | StagedKubernetesNetworkPolicy):
        return Standing(identity, calico_spec(policy.spec))
    return Standing(identity, policy.spec)
