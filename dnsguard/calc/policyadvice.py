"""Policies that say what has no effect: to endpoints of the wrong kind, to workloads that are no pods, or about domains
where only networks count."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from dnsguard.calc.advice import Advice
from dnsguard.calc.asking import Asking
from dnsguard.calc.compiled import EndpointId, PolicyId, Stage
from dnsguard.calc.groups import Groups
from dnsguard.calc.policies import InForce, PolicyChanges
from dnsguard.calc.scoping import entity_selectors
from dnsguard.calc.sets import Owner, SetRegistry
from dnsguard.calc.stages import ALL_INTERFACES_PLACES, STATELESS, WORKLOAD_PLACES
from dnsguard.resources.labels import ORCHESTRATOR
from dnsguard.selector import And, Equals, Expression, NotEquals

_OF_KUBERNETES = ("KubernetesNetworkPolicy", "StagedKubernetesNetworkPolicy")


class _Questions(NamedTuple):
    """The owner of questions about what a policy means to say, and the subject of what is said about that."""

    policy: PolicyId


class PolicyAdvice:
    """Advice about the policies in force, whether they judge anything or not."""

    def __init__(self, sets: SetRegistry, groups: Groups, advice: Advice) -> None:
        self._sets = sets
        self._groups = groups
        self._advice = advice
        self._asking: dict[Owner, InForce] = {}

    def apply(self, policies: PolicyChanges, regrouped: Iterable[InForce], outdated: set[Owner]) -> None:
        """Takes on changed policies, those that select other endpoints, and owners who would be told otherwise now."""
        for policy in {*regrouped, *policies.moved, *policies.gone}:
            self._advice.say((PolicyAdvice, policy.id), self._misplaced(policy))
        for policy in policies.gone:
            self._asking.pop(_Questions(policy.id), None)
            self._sets.settle(_Questions(policy.id), set())
            self._advice.say(_Questions(policy.id), ())
        again = [self._asking[owner] for owner in outdated & self._asking.keys()]
        for policy in {*policies.new, *policies.rewritten, *again}:
            if policy not in policies.gone:
                self._ask(policy)

    def _ask(self, policy: InForce) -> None:
        owner = _Questions(policy.id)
        asking = Asking(self._sets, owner)
        self._advice.say(owner, [*_negations(policy, asking), *_passed_over(policy, asking)])
        asking.done()
        self._asking[owner] = policy

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


def _passed_over(policy: InForce, asking: Asking) -> Iterator[str]:
    """Where the author of an endpoint forgot to say that it is a pod, no policy of Kubernetes isolates it."""
    if policy.id.kind in _OF_KUBERNETES and asking.has_endpoints(_but_no_pod(policy.selector)):
        yield (
            f"{policy.id}: without effect on workloads that its podSelector matches and that are no pods:"
            " write orchestrator: k8s in their spec, or a policy of Calico's"
        )


def passes_over(policy: InForce, labels: Mapping[str, str]) -> bool:
    """Whether a policy of Kubernetes would select a workload with these labels if that were a pod."""
    return policy.id.kind in _OF_KUBERNETES and _but_no_pod(policy.selector).matches(labels)


def _but_no_pod(selector: Expression) -> Expression:
    """What a policy of Kubernetes would select if it were not for the orchestrator."""
    match selector:
        case And(operands):
            return And(tuple(map(_but_no_pod, operands)))
        case Equals(label, value) if label == ORCHESTRATOR:
            return NotEquals(label, value)
        case _:
            return selector


def _named(identities: list[EndpointId]) -> str:
    more = f" and {len(identities) - 1} more" if len(identities) > 1 else ""
    return f"{min(identities)}{more}"
