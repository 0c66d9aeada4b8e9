"""What a packet meets on its way through this node besides the policies of its two ends. Pure."""

from collections.abc import Container

from dnsguard.calc.compiled import Address, Compiled, CompiledEndpoint, EndpointId, Stage
from dnsguard.calc.packet import TCP, UDP
from dnsguard.controller.feeds import is_local
from dnsguard.controller.question import Question
from dnsguard.dataplane.settings import HostAction, Settings

EVERY_INTERFACE = "*"
_FORWARDED = (Stage.UNTRACKED, Stage.PRE_DNAT, Stage.FORWARD)


class Way:
    """The way of one connection."""

    def __init__(self, compiled: Compiled, node: Settings, question: Question) -> None:
        self._node = node
        self._question = question
        ends = (question.source.endpoint, question.destination.endpoint)
        passes = any(self._is_local_workload(end) for end in ends)
        hosts = [each for each in compiled.endpoints.values() if not each.is_workload and is_local(each, node.node)]
        judging = [each for each in sorted(hosts, key=lambda each: each.id) if passes and _judges_forwarded(each)]
        self._known = all(each.interface == EVERY_INTERFACE for each in hosts)
        self._judging = judging

    @property
    def host(self) -> EndpointId | None:
        """The host endpoint of the interfaces that a forwarded packet takes; None also where that is not known."""
        return self._judging[0].id if self._known and self._judging else None

    @property
    def unjudged(self) -> tuple[EndpointId, ...]:
        """Host endpoints that judge forwarded packets too, if they take their interface, which is not known."""
        return () if self._known else tuple(each.id for each in self._judging)

    @property
    def goes_to_forwarder(self) -> bool:
        """It is a workload's query, which the kernel lets through to the forwarder."""
        question = self._question
        return question.protocol in (TCP, UDP) and any(
            listen.port == question.port
            and (listen.address.is_unspecified or listen.address in question.destination.addresses)
            for listen in self._node.listen
        )

    def reaches_own_node(self, own: Container[Address]) -> bool:
        """It is from a workload of this node to the node itself; ``own``: the node's addresses."""
        source, destination = self._question.source, self._question.destination
        return self._is_local_workload(source.endpoint) and any(each in own for each in destination.addresses)

    def is_barred(self, own: Container[Address]) -> bool:
        """It ends at its own node, whatever policy says."""
        drops = self._node.endpoint_to_host is HostAction.DROP
        return drops and self.reaches_own_node(own) and not self.goes_to_forwarder

    def _is_local_workload(self, endpoint: CompiledEndpoint | None) -> bool:
        return endpoint is not None and endpoint.is_workload and is_local(endpoint, self._node.node)


def _judges_forwarded(endpoint: CompiledEndpoint) -> bool:
    return any(stage in _FORWARDED for stage, _ in endpoint.classes)
