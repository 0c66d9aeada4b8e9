"""What the node decides besides policy, stage by stage: what `calc.evaluator.passage` does, told in order. Pure."""

from collections.abc import Iterable, Iterator
from typing import Literal

from dnsguard.api.views.effective import ImplicitRule
from dnsguard.calc.compiled import ALL_INTERFACES, CompiledEndpoint, Direction, Stage
from dnsguard.calc.evaluator.failsafe import FailsafePort
from dnsguard.calc.evaluator.node import HostAction
from dnsguard.calc.evaluator.trace import Decider
from dnsguard.dataplane.settings import Settings

_STATEFUL = (Stage.NORMAL, Stage.FORWARD)


def before(endpoint: CompiledEndpoint, stage: Stage, direction: Direction, node: Settings) -> tuple[ImplicitRule, ...]:
    """What decides before the tiers do, in order."""
    if not endpoint.is_workload:
        return tuple(_of_host(stage, direction, node))
    if direction is Direction.EGRESS:
        return tuple(_of_sender(endpoint, node))
    return tuple(_of_receiver(node))


def end(stage: Stage, *, policies: bool) -> ImplicitRule:
    """What becomes of what nothing decides. ``policies``: whether some apply there."""
    if stage is Stage.NORMAL:
        return _deny(Decider.NO_PROFILE, "what no tier and no profile decides")
    if stage is Stage.FORWARD:
        if policies:
            return _allow(Decider.END_OF_STAGE, "what no policy there denies")
        return _allow(Decider.NO_FORWARD_POLICY, "everything: no policy of it is about forwarded packets")
    return ImplicitRule(by=Decider.END_OF_STAGE.value, action="Next", text="what no policy there decides")


def then(
    endpoint: CompiledEndpoint, stage: Stage, direction: Direction, hosts: Iterable[CompiledEndpoint]
) -> list[str]:
    """What else judges a packet that passes. ``hosts``: the host endpoints of this node."""
    if stage not in _STATEFUL and (stage, direction) in endpoint.classes:
        return ["nothing of this endpoint: what a rule of this stage decides, no later one of it judges"]
    if not endpoint.is_workload or stage is not Stage.NORMAL:
        return []
    way, verb = ("egress", "leaves") if direction is Direction.EGRESS else ("ingress", "arrives")
    found = []
    for host in hosts:
        if (Stage.FORWARD, direction) in host.classes:
            where = (
                "an interface of the node" if host.interface == ALL_INTERFACES else host.interface or "its interface"
            )
            found.append(f"forward {way} of host endpoint {host.id}, of what {verb} by {where}")
    other = "ingress of the workload that it goes to" if direction is Direction.EGRESS else ""
    return [*([f"{other}, where that is one"] if other else []), *sorted(found)]


def _of_sender(endpoint: CompiledEndpoint, node: Settings) -> Iterator[ImplicitRule]:
    by = f"interface {endpoint.interface}" if endpoint.interface else "its interface"
    yield _deny(Decider.SPOOFED, f"what bears another address than its own, or its own by another way than {by}")
    yield _established(node)
    yield _allow(Decider.NEIGHBOUR_DISCOVERY, "IPv6 neighbour discovery with the node")
    if wrapped := [
        name for name, allowed in (("VXLAN", node.allow_vxlan), ("IP in IP", node.allow_ipip)) if not allowed
    ]:
        yield _deny(Decider.ENCAPSULATED, f"packets in packets: {' and '.join(wrapped)}")
    yield _invalid()
    listen = ", ".join(f"{each.address}#{each.port}" for each in node.listen)
    others = ", and to any other server: it is brought to dnsguard" if node.interception is not None else ""
    yield _allow(Decider.FORWARDER, f"DNS to dnsguard ({listen or 'where it listens'}){others}; it judges each query")
    if node.endpoint_to_host is HostAction.DROP:
        yield _deny(
            Decider.OWN_NODE, "anything else to the node itself, whatever policy says (endpoint_to_host_action)"
        )
    yield _unknown("what goes to")


def _of_receiver(node: Settings) -> Iterator[ImplicitRule]:
    yield _allow(Decider.OWN_WORKLOAD, "what the node itself sends")
    yield _established(node)
    yield _invalid()
    yield _unknown("what comes from")


def _of_host(stage: Stage, direction: Direction, node: Settings) -> Iterator[ImplicitRule]:
    if stage in _STATEFUL:
        yield _established(node)
    if stage is Stage.NORMAL:
        yield _allow(Decider.NEIGHBOUR_DISCOVERY, "IPv6 neighbour discovery, that of routers included")
        if direction is Direction.EGRESS:
            yield _allow(Decider.OWN_WORKLOAD, "what goes to the node's own workloads")
    if stage is not Stage.UNTRACKED:
        yield _invalid()
    if stage is not Stage.FORWARD:
        inbound = direction is Direction.INGRESS
        ports = node.failsafe.inbound if inbound else node.failsafe.outbound
        yield _allow(Decider.FAILSAFE, f"{'to' if inbound else 'out to'} failsafe ports: {_listed(ports)}")
        if stage is Stage.UNTRACKED:
            answers = node.failsafe.outbound if inbound else node.failsafe.inbound
            yield _allow(Decider.FAILSAFE, f"answers from failsafe ports: {_listed(answers)}")


def _established(node: Settings) -> ImplicitRule:
    unless = ", unless policy denies it by now (revoke_established)" if node.mark_mask else ""
    return _allow(Decider.ESTABLISHED, f"what belongs to a connection that was allowed{unless}")


def _invalid() -> ImplicitRule:
    return _deny(Decider.INVALID, "what belongs to no connection and starts none")


def _unknown(which: str) -> ImplicitRule:
    return _deny(Decider.UNKNOWN_WORKLOAD, f"{which} a workload that no endpoint describes")


def _listed(ports: Iterable[FailsafePort]) -> str:
    return ", ".join(map(str, ports)) or "none"


def _allow(decider: Decider, text: str) -> ImplicitRule:
    return _rule(decider, "Allow", text)


def _deny(decider: Decider, text: str) -> ImplicitRule:
    return _rule(decider, "Deny", text)


def _rule(decider: Decider, action: Literal["Allow", "Deny"], text: str) -> ImplicitRule:
    return ImplicitRule(by=decider.value, action=action, text=text)
