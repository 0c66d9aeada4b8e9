"""``explain``: what would happen to a connection, by the policy in force and what DNS has taught so far."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import ip_address

from api.models import ExplainQuery, Explanation
from api.services import ReadModelUnavailable
from dnsguard.calc.compiled import Action, Address, Compiled, CompiledEndpoint
from dnsguard.calc.matching import LeaseLookup
from dnsguard.calc.packet import Packet
from dnsguard.calc.trace import Verdict
from dnsguard.calc.verdict import Evaluator
from dnsguard.controller.enforcement import Desired, Enforcer
from dnsguard.controller.explanation import ACTIONS, counter_of, deciding, nearest_allow, steps_of
from dnsguard.controller.feeds import is_local
from dnsguard.controller.learned import LEASES_SECONDS, Forwarders
from dnsguard.controller.node import InterfaceAddresses, addresses_by_interface
from dnsguard.controller.question import Party, Question, pairs, question_of, unseen_address
from dnsguard.controller.way import Way
from dnsguard.dataplane.rules import Plan
from dnsguard.dataplane.settings import Settings as PlanSettings
from dnsguard.domains import name_text
from dnsguard.errors import DnsguardError
from dnsguard.link.messages import LearnedLease

Counters = Callable[[], Mapping[str, tuple[int, int]]]
"""Counter name → packets and bytes. Blocks; raises DnsguardError."""


@dataclass(frozen=True, slots=True)
class _Judged:
    """One pair of addresses with its verdict."""

    packet: Packet
    leased: LeaseLookup
    verdict: Verdict
    stands_in: bool = False
    """The destination is no real address, but stands for one that DNS may lead to."""

    @property
    def allowed(self) -> bool:
        return self.verdict.action is not Action.DENY

    def without_stand_in(self, reason: str) -> str:
        """A reason without an address that nobody asked about."""
        return reason.replace(f"destination {self.packet.destination} ", "destination ") if self.stands_in else reason


class ExplainModel:
    """``api.services.Explain``."""

    def __init__(
        self,
        enforcer: Enforcer[Plan],
        link: Forwarders,
        counters: Counters,
        worker: Executor,
        node: PlanSettings,
        machine: Callable[[], InterfaceAddresses] = addresses_by_interface,
    ) -> None:
        self._enforcer = enforcer
        self._link = link
        self._counters = counters
        self._worker = worker
        self._node = node
        self._machine = machine
        self._evaluators: tuple[Compiled, Evaluator] | None = None

    async def __call__(self, query: ExplainQuery) -> Explanation:
        enforced = self._enforcer.enforced
        if enforced is None:
            raise ReadModelUnavailable("the first computation of policy still runs")
        compiled = enforced.compiled
        evaluator = self._evaluator(compiled)
        question = question_of(query, compiled, evaluator)
        way = Way(compiled, self._node, question)
        judge = partial(self._judged, evaluator, question, way)
        notes: list[str] = []
        if not self._enforcer.in_sync:
            notes.append(f"not in sync with the store: {self._enforcer.problem or 'a change is on its way'}")
        leases = await self._leases(question, notes)
        if question.destination.name is None:
            judged = [judge(*each, _lookup(leases)) for each in question.pairs()]
        else:
            judged = self._by_name(judge, compiled, question, leases, notes)
        chosen = next((each for each in judged if not each.allowed), judged[0])
        notes += self._notes(compiled, question, judged, chosen)
        notes += await self._counter_note(chosen)
        notes += [
            f"host endpoint {host} judges it too if it takes its interface, which is not known here"
            for host in way.unjudged
        ]
        barrier = self._unknown_workload(question) or await self._own_node(way, notes)
        if question.destination.name is not None:
            notes += self._query_note(enforced, question)
        verdict = "Deny" if barrier or not chosen.allowed else "Allow"
        return Explanation(
            verdict=verdict,
            summary=_summary(question, chosen, verdict, barrier),
            source=question.source.text,
            destination=question.destination.text,
            steps=tuple(
                step.model_copy(update={"reason": chosen.without_stand_in(step.reason)})
                for step in steps_of(chosen.verdict)
            ),
            notes=tuple(notes),
        )

    def _evaluator(self, compiled: Compiled) -> Evaluator:
        """The last one while policy is the same: making it walks all endpoints."""
        if self._evaluators is None or self._evaluators[0] is not compiled:
            self._evaluators = compiled, Evaluator(compiled, self._node.failsafe)
        return self._evaluators[1]

    async def _leases(self, question: Question, notes: list[str]) -> list[LearnedLease]:
        """What the source has learned; with a note where that cannot be known."""
        if not self._link.forwarders:
            notes.append("no forwarder is connected: what was learned from DNS is not known")
            return []
        replies = await self._link.leases(str(question.source.addresses[0]), LEASES_SECONDS)
        if not replies:
            notes.append(f"no forwarder answered within {LEASES_SECONDS:g} s: what was learned from DNS is not known")
        return [lease for reply in replies for lease in reply.leases]

    @staticmethod
    def _judged(
        evaluator: Evaluator,
        question: Question,
        way: Way,
        source: Address,
        destination: Address,
        leased: LeaseLookup,
    ) -> _Judged:
        packet = Packet(source, destination, question.protocol, question.source_port, question.port)
        return _Judged(packet, leased, evaluator.evaluate(packet, leased, entry=way.host, leave=way.host))

    def _by_name(
        self,
        judge: Callable[[Address, Address, LeaseLookup], _Judged],
        compiled: Compiled,
        question: Question,
        leases: list[LearnedLease],
        notes: list[str],
    ) -> list[_Judged]:
        """The addresses that the source was led to by that name; else one that it might be led to."""
        wire = question.destination.name or b""
        text = name_text(wire).rstrip(".").lower()
        sources = question.source.addresses
        found = [lease for lease in leases if text in {name.rstrip(".").lower() for name in lease.names}]
        addresses = tuple(dict.fromkeys(ip_address(lease.address) for lease in found))
        known = pairs(sources, addresses)
        for lease in found:
            held = f"held by {', '.join(lease.lease_sets)}" if lease.lease_sets else "in no lease set"
            notes.append(f"{text} led to {lease.address}, {held}, for {lease.seconds_left:.0f} s more")
        if known:
            return [judge(*each, _lookup(leases)) for each in known]
        carrying = frozenset(
            name
            for name, lease_set in compiled.lease_sets.items()
            if any(pattern.matches(wire) for pattern in lease_set.patterns)
        )
        notes.append(f"{text} leads {question.source.text} nowhere yet; judged for a new address that it may lead to")
        mine = compiled.lease_sets_of(question.source.endpoint) if question.source.endpoint else frozenset()
        notes += [f"such an address goes into lease set {name}" for name in sorted(carrying & mine)]
        if not carrying & mine:
            notes.append("no lease set of its policies takes that name")

        def leased(lease_set: str, _client: Address, _address: Address) -> bool:
            return lease_set in carrying

        versions = sorted({address.version for address in sources})
        unseen = tuple(unseen_address(version, compiled) for version in versions)
        return [replace(judge(*each, leased), stands_in=True) for each in pairs(sources, unseen)]

    def _notes(self, compiled: Compiled, question: Question, judged: list[_Judged], chosen: _Judged) -> list[str]:
        found = []
        if len({each.allowed for each in judged}) > 1:
            found += [f"{each.packet.destination}: {'Allow' if each.allowed else 'Deny'}" for each in judged]
        for party in (question.source, question.destination):
            if party.endpoint is not None and not is_local(party.endpoint, self._node.node):
                found.append(f"{party.endpoint.id} is on node {party.endpoint.node}: that node enforces its policy")
        judgement = deciding(chosen.verdict)
        if judgement is not None and not chosen.allowed:
            nearest = nearest_allow(judgement, chosen.packet, compiled, chosen.leased)
            found += [chosen.without_stand_in(nearest)] if nearest else []
        return found

    async def _counter_note(self, chosen: _Judged) -> list[str]:
        judgement = deciding(chosen.verdict)
        counter = None if judgement is None else counter_of(judgement.decision, judgement.direction)
        if counter is None:
            return []
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._worker, self._counters)
        except DnsguardError as error:
            return [f"kernel counter {counter} cannot be read: {error}"]
        if counter not in found:
            return [f"kernel counter {counter} is not there"]
        packets, size = found[counter]
        return [f"kernel counter {counter}: {packets} packets, {size} bytes"]

    def _unknown_workload(self, question: Question) -> str:
        for party in (question.source, question.destination):
            if party.endpoint is None and any(
                address in net for address in party.addresses for net in self._node.workload_cidrs
            ):
                return f"{party.text} is an address of workloads and belongs to no known endpoint"
        return ""

    async def _own_node(self, way: Way, notes: list[str]) -> str:
        """Why a workload does not reach its own node, empty where it may; with a note where that is the forwarder."""
        try:
            own = {address for _, addresses in await asyncio.to_thread(self._machine) for address in addresses}
        except OSError as error:
            notes.append(f"the node's addresses cannot be read: {error}")
            return ""
        if way.reaches_own_node(own) and way.goes_to_forwarder:
            notes.append("the forwarder takes it, and judges each query itself")
        if way.is_barred(own):
            return "workloads do not reach their own node (endpoint_to_host_action is Drop)"
        return ""

    def _query_note(self, enforced: Desired[Plan], question: Question) -> list[str]:
        endpoint = question.source.endpoint
        if endpoint is None:
            return []
        identity = next((each for each in enforced.snapshot.identities if each.endpoint == str(endpoint.id)), None)
        if identity is None or identity.may_query or not self._link.listen:
            return []
        wire = question.destination.name or b""
        if _listed(enforced.compiled, endpoint, wire):
            return ["its policy lets it send no DNS, but names that it allows are answered all the same"]
        return ["its policy lets it send no DNS and does not name this domain: its query is REFUSED"]


def _listed(compiled: Compiled, endpoint: CompiledEndpoint, wire: bytes) -> bool:
    return any(
        pattern.matches(wire)
        for name in compiled.lease_sets_of(endpoint)
        for pattern in compiled.lease_sets[name].patterns
    )


def _lookup(leases: list[LearnedLease]) -> LeaseLookup:
    """The leases of one client as the evaluator asks for them."""
    held = {(lease_set, lease.address) for lease in leases for lease_set in lease.lease_sets}

    def leased(lease_set: str, _client: Address, address: Address) -> bool:
        return (lease_set, str(address)) in held

    return leased


def _summary(question: Question, chosen: _Judged, verdict: str, barrier: str) -> str:
    connection = f"{question.source.text} to {_where(question.destination, chosen)}, {question.protocol_text}"
    if barrier:
        return f"{connection}: {verdict}, since {barrier}"
    decision = chosen.verdict.decision
    if decision is None or chosen.verdict.action is None:
        return f"{connection}: {verdict}, since neither end is an endpoint that policy applies to"
    return f"{connection}: {ACTIONS[chosen.verdict.action]} by {decision}"


def _where(destination: Party, chosen: _Judged) -> str:
    if destination.name is None:
        return destination.text
    return f"{destination.text} at {'an address new to it' if chosen.stands_in else chosen.packet.destination}"
