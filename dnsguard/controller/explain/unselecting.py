"""Policies that would have allowed what was denied, and do not select the endpoint. Pure."""

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from dnsguard.calc.compile import compile_policy
from dnsguard.calc.compiled import Action, Compiled, CompiledEndpoint, CompiledPolicy, Direction, PolicyId, Stage
from dnsguard.calc.evaluator.matching import LeaseLookup, why_not
from dnsguard.calc.evaluator.packet import Packet
from dnsguard.calc.evaluator.trace import Decider, Judgement
from dnsguard.calc.policies import InForce
from dnsguard.controller.explain.written import Written
from dnsguard.resources import KubernetesNetworkPolicy, Policy, Resource, StagedKubernetesNetworkPolicy, parse_object
from dnsguard.resources.labels import NAMESPACE, NAMESPACE_PREFIX
from dnsguard.resources.labelselector import LabelSelector
from dnsguard.selector import And, Equals, Expression, Has, In, NotEquals, NotIn

MOST = 3
_PHANTOM = "explain-phantom"


@dataclass(frozen=True, slots=True)
class Unselecting:
    """A policy, the first of its rules that would allow, and what its selectors miss in the endpoint."""

    policy: PolicyId
    tier: str
    rule: int
    missing: tuple[str, ...]


def unselecting(
    judgement: Judgement, packet: Packet, compiled: Compiled, idle: Compiled, leased: LeaseLookup, written: Written
) -> tuple[Unselecting, ...]:
    """Those that would come before what denied it: first where the least is missing, then in the order of evaluation.

    ``idle`` is of ``compile_idle``.
    """
    endpoint = compiled.endpoints[judgement.endpoint]
    policy_class = endpoint.classes.get((judgement.stage, judgement.direction))
    applying = {policy for tier in policy_class.tiers for policy in tier.policies} if policy_class else set()
    found = []
    for policy in written.policies.values():
        if policy.id in applying or (judgement.stage, judgement.direction) not in policy.places:
            continue
        if _is_for_others(policy, endpoint, judgement) or not _comes_in_time(policy, judgement, written.policies):
            continue
        source = compiled if policy.id in compiled.policies else idle
        rule = _allowing(source.policies.get(policy.id), judgement.direction, packet, source, leased)
        missing = tuple(_missing(policy.selector, endpoint)) if rule is not None else ()
        if rule is not None and missing:
            found.append(Unselecting(policy.id, policy.spec.tier, rule, missing))
    found.sort(key=lambda each: len(each.missing))  # a stable sort: equals stay in the order of evaluation
    return tuple(found[:MOST])


def _is_for_others(policy: InForce, endpoint: CompiledEndpoint, judgement: Judgement) -> bool:
    """Whether it is meant for workloads alone and this is a host, or the other way round."""
    if endpoint.is_workload:
        return (Stage.FORWARD, judgement.direction) in policy.places
    return bool(policy.id.namespace)


def _comes_in_time(policy: InForce, judgement: Judgement, policies: Mapping[PolicyId, InForce]) -> bool:
    """Whether it would have been asked before what decided, and not in a tier that was left before its turn."""
    for tier in judgement.tiers:
        if tier.name == policy.spec.tier and tier.by_rule and tier.outcome is Action.PASS:
            return policy.rank < policies[tier.policies[-1].id].rank
    decision = judgement.decision
    if decision.policy is None:
        return True
    decided = policies[decision.policy]
    if decision.decider is Decider.END_OF_TIER:
        return policy.rank.tier <= decided.rank.tier
    return policy.rank < decided.rank


def compile_idle(written: Written, compiled: Compiled) -> Compiled:
    """The policies that select nobody, compiled as if they selected everybody. Takes as long as any compilation."""
    idle = written.policies.keys() - compiled.policies.keys()
    if not idle:
        return Compiled()
    resources = [each for each in map(partial(_opened, idle), written.resources) if each is not None]
    namespaces = sorted({identity.namespace or "default" for identity in idle})
    return compile_policy([*resources, *map(_phantom, namespaces)], view=written.view)


def _opened(idle: Container[PolicyId], resource: Resource) -> Resource | None:
    """An idle policy as if it selected everybody; None for other policies, which would cost and are of no use."""
    if not isinstance(resource, Policy | KubernetesNetworkPolicy | StagedKubernetesNetworkPolicy):
        return resource
    if PolicyId(type(resource).__name__, resource.namespace, resource.name) not in idle:
        return None
    changes: dict[str, object] = {"selector": None, "service_account_selector": None, "namespace_selector": None}
    if not isinstance(resource, Policy):
        changes = {"pod_selector": LabelSelector()}
    known = {field: value for field, value in changes.items() if field in type(resource.spec).model_fields}
    return resource.model_copy(update={"spec": resource.spec.model_copy(update=known)})


def _phantom(namespace: str) -> Resource:
    """A workload without address: it only makes the policies of its namespace apply to somebody."""
    return parse_object(
        {
            "apiVersion": "projectcalico.org/v3",
            "kind": "WorkloadEndpoint",
            "metadata": {"name": _PHANTOM, "namespace": namespace},
            "spec": {"interfaceName": "none", "orchestrator": "k8s"},
        }
    )


def _allowing(
    policy: CompiledPolicy | None, direction: Direction, packet: Packet, compiled: Compiled, leased: LeaseLookup
) -> int | None:
    """The rule of a policy that would allow the packet, where the policy alone decided."""
    if policy is None:
        return None
    for rule in policy.rules(direction):
        if rule.action is not Action.LOG and not why_not(rule, packet, compiled, leased):
            return rule.index if rule.action is Action.ALLOW else None
    return None


def _missing(selector: Expression, endpoint: CompiledEndpoint) -> Iterator[str]:
    """Every part of the selector that the endpoint does not meet, with what it has instead."""
    if isinstance(selector, And):
        for operand in selector.operands:
            yield from _missing(operand, endpoint)
    elif not selector.matches(endpoint.labels):
        yield f"{_asked(selector)}, but {_had(selector, endpoint)}"


def _asked(selector: Expression) -> str:
    if isinstance(selector, Equals) and selector.label == NAMESPACE:
        return f"it is for namespace {selector.value}"
    return f"it asks for {selector}"


def _had(selector: Expression, endpoint: CompiledEndpoint) -> str:
    match selector:
        case Equals(label=label) if label == NAMESPACE:
            where = endpoint.labels.get(NAMESPACE)
            return f"{endpoint.id} is in {where}" if where else f"{endpoint.id} is in none"
        case Equals(label=label) | NotEquals(label=label) | In(label=label) | NotIn(label=label) | Has(label=label):
            value = endpoint.labels.get(label)
            whose = f"the namespace of {endpoint.id}" if label.startswith(NAMESPACE_PREFIX) else str(endpoint.id)
            return f"{whose} has {label} = {value!r}" if value is not None else f"{whose} has no such label"
        case _:
            return f"{endpoint.id} does not meet that"
