"""Policies that say what has no effect: to endpoints of the wrong kind, or about domains where only networks count."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from dnsguard.calc.advice import Advice
from dnsguard.calc.asking import Asking
from dnsguard.calc.compiled import EndpointId, PolicyId, Stage
from dnsguard.calc.groups import Groups
from dnsguard.calc.policies import InForce, PolicyChanges
from dnsguard.calc.scoping import entity_selectors
from dnsguard.calc.sets import Owner, SetRegistry
from dnsguard.calc.stages import ALL_INTERFACES_PLACES, STATELESS, WORKLOAD_PLACES


class _Negations(NamedTuple):
    """The owner of questions about what a policy negates, and the subject of what is said about that."""

    policy: PolicyId


class PolicyAdvice:
    """Advice about the policies in force, whether they judge anything or not."""

    def __init__(self, sets: SetRegistry, groups: Groups, advice: Advice) -> None:
        self._sets = sets
        self._groups = groups
        self._advice = advice
        self._negating: dict[Owner, InForce] = {}

    def apply(self, policies: PolicyChanges, stirred: Iterable[InForce], outdated: set[Owner]) -> None:
        """Takes on changed policies, those that select other endpoints, and owners who would be told otherwise now."""
        for policy in {*stirred, *policies.moved, *policies.gone}:
            self._advice.say((PolicyAdvice, policy.id), self._misplaced(policy))
        for policy in policies.gone:
            self._negating.pop(_Negations(policy.id), None)
            self._sets.settle(_Negations(policy.id), set())
            self._advice.say(_Negations(policy.id), ())
        again = [self._negating[owner] for owner in outdated & self._negating.keys()]
        for policy in {*policies.new, *policies.rewritten, *again}:
            if policy not in policies.gone:
                self._advise_negations(policy)

    def _advise_negations(self, policy: InForce) -> None:
        owner = _Negations(policy.id)
        asking = Asking(self._sets, owner)
        self._advice.say(owner, list(_negations(policy, asking)))
        asking.done()
        self._negating[owner] = policy

    def _misplaced(self, policy: InForce) -> Iterator[str]:
        if not all(stage in STATELESS for stage, _ in policy.places):
            return
        groups = list(self._groups.selected_by(policy))
        workloads = [identity for group in groups if group.key.places == WORKLOAD_PLACES for identity in group.members]
        if workloads:
            yield f"{policy.id}: without effect on workload {_named(workloads)}: it applies to host endpoints only"
        if any(stage is Stage.UNTRACKED for stage, _ in policy.places):
            hosts = [each for group in groups if group.key.places == ALL_INTERFACES_PLACES for each in group.members]
            if hosts:
                yield f"{policy.id}: without effect on {_named(hosts)}: doNotTrack needs a named interface"


def _negations(policy: InForce, asking: Asking) -> Iterator[str]:
    for index, rule in enumerate(policy.spec.egress or ()):
        if rule.destination.not_selector is None:
            continue
        negative = entity_selectors(rule.destination, policy.id.namespace).negative
        if negative is not None and asking.has_domains(negative):
            yield (
                f"{policy.id}: egress[{index}].destination.notSelector matches network sets with domains;"
                " only their nets are excluded"
            )


def _named(identities: list[EndpointId]) -> str:
    more = f" and {len(identities) - 1} more" if len(identities) > 1 else ""
    return f"{min(identities)}{more}"
