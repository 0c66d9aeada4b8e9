"""``explain``: what would happen to a connection, by the policy in force and what DNS has taught so far."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace

from dnsguard.api.services import ReadModelUnavailable
from dnsguard.api.views.explaining import ExplainedName, ExplainQuery, Explanation
from dnsguard.calc.compiled import Address
from dnsguard.calc.evaluator.node import Node
from dnsguard.controller.desired import Desired
from dnsguard.controller.enforcement import Enforcer
from dnsguard.controller.explain.byname import taken_by_name
from dnsguard.controller.explain.counters import counters_of
from dnsguard.controller.explain.flows import Flow, flows_of
from dnsguard.controller.explain.judging import Asked, Judged, verdict_of
from dnsguard.controller.explain.names import explained_name
from dnsguard.controller.explain.notes import notes_on, notes_on_canary
from dnsguard.controller.explain.passedover import passing_over
from dnsguard.controller.explain.policystate import PolicyState
from dnsguard.controller.explain.policystates import PolicyStates
from dnsguard.controller.explain.queries import answer_to_denied, lease_sets_of, query_answer
from dnsguard.controller.explain.question import question_of
from dnsguard.controller.explain.routing import ROUTING_SECONDS, Routing, kernel_routing
from dnsguard.controller.explain.summary import summary
from dnsguard.controller.explain.unleased import led_to_unleased, unleased
from dnsguard.controller.forwarders import Forwarders, learned_by
from dnsguard.controller.node import InterfaceAddresses, addresses_by_interface, evaluated_node, plan_settings
from dnsguard.dataplane.ports import BridgePorts
from dnsguard.dataplane.rules import Plan
from dnsguard.dns.eligible import UnleasedNets
from dnsguard.errors import DnsguardError
from dnsguard.settings import Settings

LOOPBACK = "lo"
Counters = Callable[[], Mapping[str, tuple[int, int]]]
"""Counter name → packets and bytes. Blocks; raises DnsguardError."""


class ExplainModel:
    """``dnsguard.api.services.Explain``."""

    def __init__(
        self,
        enforcer: Enforcer[Plan],
        link: Forwarders,
        counters: Counters,
        worker: Executor,
        settings: Settings,
        machine: Callable[[], InterfaceAddresses] = addresses_by_interface,
        routing: Routing = kernel_routing,
        ports: Callable[[], BridgePorts] = lambda: (),
        states: PolicyStates | None = None,
    ) -> None:
        """``worker`` is the one that reads ``counters``; ``machine`` and ``routing`` ask the kernel too.
        ``ports``: what is plugged into the machine's bridges. ``states``: those that others look at too."""
        self._enforcer = enforcer
        self._link = link
        self._counters = counters
        self._worker = worker
        self._settings = settings
        self._machine = machine
        self._routing = routing
        self._ports = ports
        self._states = states or PolicyStates()

    async def __call__(self, query: ExplainQuery) -> Explanation:
        enforced = self._enforcer.enforced
        if enforced is None:
            raise ReadModelUnavailable("the first computation of policy still runs")
        notes = [] if self._enforcer.in_sync else [f"not in sync with the store: {self._problem()}"]
        state, pending = await self._states.of(enforced)
        question = await asyncio.to_thread(question_of, query, state.compiled, state.written)
        learned = await learned_by(self._link, question.source.addresses, notes, "the source")
        node = await self._node(enforced, notes)
        flows = await asyncio.to_thread(flows_of, question, state.compiled, learned, node)
        flows, node = await self._routed(state, node, flows, notes)
        flows, node, taken = await asyncio.to_thread(taken_by_name, question, state.compiled, node, flows)
        notes += taken
        asked = Asked(question, flows, node, learned)
        found, told = await asyncio.to_thread(asked.judged, state)
        notes += notes_on(question, state.compiled, node, found)
        ends = [address for flow in flows for address in (flow.source, flow.destination)]
        notes += notes_on_canary(ends, self._settings.canary)
        notes += unleased(found, UnleasedNets(self._settings.unleased_nets), learned)
        notes += await asyncio.to_thread(passing_over, state, found)
        notes += await self._counter_notes(found)
        preview = await asyncio.to_thread(asked.pending, pending or state, told, always=query.pending)
        name = question.destination.name
        return Explanation(
            verdict=verdict_of(told),
            summary=summary(question, told) + led_to_unleased(question.destination, told, learned),
            source=question.source.text,
            destination=question.destination.text,
            protocol=question.protocol_text,
            outcomes=told,
            name=None if name is None else await asyncio.to_thread(self._name, enforced, state, asked, name),
            pending=preview,
            notes=tuple(dict.fromkeys(notes)),
        )

    def _problem(self) -> str:
        return self._enforcer.problem or "a change is on its way"

    async def _node(self, enforced: Desired[Plan], notes: list[str]) -> Node:
        try:
            interfaces = await asyncio.to_thread(self._machine)
        except OSError as error:
            notes.append(f"the node's addresses cannot be read: {error}")
            interfaces = ()
        return evaluated_node(plan_settings(self._settings, interfaces, enforced.configuration, self._ports()))

    async def _routed(
        self, state: PolicyState, node: Node, flows: Sequence[Flow], notes: list[str]
    ) -> tuple[tuple[Flow, ...], Node]:
        """The flows with the interfaces that they take, and the node with all addresses that the kernel takes for its
        own; with a note where the kernel does not say."""
        evaluator = await asyncio.to_thread(state.evaluator, node)
        bridges = dict(node.bridge_ports)

        def interface_of(address: Address) -> str:
            found = evaluator.endpoint_of(address)
            if found is not None and found.is_workload and node.has(found):
                return bridges.get(found.interface, found.interface)
            # An address of loopback may be reached by any interface.
            own = node.interface_with(address)
            return own if own != LOOPBACK else ""

        pairs = [(flow.source, flow.destination) for flow in flows]
        try:
            async with asyncio.timeout(ROUTING_SECONDS):
                passings = await asyncio.to_thread(self._routing, pairs, interface_of)
        except (TimeoutError, OSError) as error:
            why = "it did not answer in time" if isinstance(error, TimeoutError) else str(error)
            notes.append(f"which interfaces it takes is not known: the kernel was asked for its routes, and {why}")
            return tuple(flows), node
        own = frozenset(address for passing in passings for address in passing.own)
        own -= {address for _, addresses in node.interface_addresses for address in addresses}
        routed = tuple(replace(flow, passing=passing) for flow, passing in zip(flows, passings, strict=True))
        return routed, replace(node, addresses=node.addresses | own)

    def _name(self, enforced: Desired[Plan], state: PolicyState, asked: Asked, name: bytes) -> ExplainedName:
        client = asked.question.source.endpoint
        listen = tuple(address for forwarder in self._link.forwarders for address in forwarder.listen)
        denied = answer_to_denied(name, self._settings.search_domains, self._settings.query_refusal)
        query = query_answer(name, client, state.compiled, enforced.snapshot, asked.node, listen, denied)
        used = lease_sets_of(client, enforced.snapshot)
        return explained_name(name, used, state.compiled, asked.learned, state.origins, query)

    async def _counter_notes(self, found: Sequence[Judged]) -> list[str]:
        """What the kernel has counted of packets that it decided in the same way."""
        names = dict.fromkeys(name for each in found for name in counters_of(each.verdict, each.ruling))
        if not names:
            return []
        try:
            counted = await asyncio.get_running_loop().run_in_executor(self._worker, self._counters)
        except DnsguardError as error:
            return [f"the kernel's counters cannot be read: {error}"]
        return [
            f"kernel counter {name}: {counted[name][0]} packets, {counted[name][1]} bytes"
            if name in counted
            else f"kernel counter {name} is not there"
            for name in names
        ]
