"""What the API shows of enforcement: status, endpoints, leases. Reads the owners' current values, changes nothing."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from ipaddress import ip_address
from itertools import chain

from dnsguard.api.services import BadClient, LeasesQuestion, ReadModelUnavailable, UnknownEndpoint
from dnsguard.api.views.models import (
    ConfigurationState,
    DataplaneState,
    DockerState,
    EndpointState,
    EndpointStates,
    ForwarderState,
    LeaseState,
    LeaseStates,
    StatusReport,
)
from dnsguard.calc.compiled import Compiled, CompiledEndpoint, Direction, PolicyClass
from dnsguard.controller.enforcement import Enforcer
from dnsguard.controller.explain.learned import Learned
from dnsguard.controller.forwarders import LEASES_SECONDS, SEARCH_SECONDS, Forwarders
from dnsguard.controller.inputs import Inputs
from dnsguard.controller.proven import Proven, proven
from dnsguard.dataplane.rules import Plan
from dnsguard.link.messages import LearnedLease
from dnsguard.observe.exposition import Metric, number


class StatusModel:
    """``dnsguard.api.services.Status``."""

    def __init__(
        self,
        version: str,
        inputs: Inputs,
        enforcer: Enforcer[Plan],
        link: Forwarders,
        troubles: Mapping[str, Callable[[], Iterable[str]]],
        files: Mapping[str, str],
        *,
        self_test: bool = False,
        docker: Callable[[], DockerState | None] = lambda: None,
    ) -> None:
        """``troubles``: by parts of the process (packet log, audit log, …) what is wrong with them now. ``self_test``:
        whether it is to be proven that the table enforces. ``docker``: how discovery is, where it is on."""
        self._version = version
        self._inputs = inputs
        self._enforcer = enforcer
        self._link = link
        self._troubles = dict(troubles)
        self._files = dict(files)
        self._self_test = self_test
        self._docker = docker

    async def __call__(self) -> StatusReport:
        proof = self._proof()
        enforced = self._enforcer.enforced
        return StatusReport(
            version=self._version,
            ready=self._is_ready(proof),
            enforcing=proof.enforcing,
            problems=tuple(chain.from_iterable(self._problems(proof).values())),
            warnings=(*proof.warnings, *self._warnings()),
            store_revision=self._inputs.revision,
            enforced_revision=0 if enforced is None else enforced.revision,
            objects=dict(sorted(self._inputs.counts.items())),
            files=self._files,
            configuration=tuple(self._configuration()),
            dataplane=DataplaneState()
            if enforced is None
            else DataplaneState(
                table=enforced.plan.table,
                in_sync=self._enforcer.in_sync,
                revision=enforced.revision,
                chains=len(enforced.plan.chains),
                sets=len(enforced.plan.sets),
                classes=len(classes_of(enforced.compiled)),
                problem=self._enforcer.problem,
            ),
            forwarders=tuple(self._forwarders()),
            docker=self._docker(),
        )

    def metrics(self) -> Iterator[Metric]:
        """The same in numbers."""
        proof = self._proof()
        yield number("dnsguard_ready", "gauge", "Whether the API's /readyz is 200: 1 or 0.", int(self._is_ready(proof)))
        yield Metric(
            "dnsguard_problems", "gauge", "What `dnsguard status` lists as problems, by the part of dnsguard.",
            {(("part", part),): len(problems) for part, problems in self._problems(proof).items()},
        )  # fmt: skip
        yield number("dnsguard_warnings", "gauge", "Warnings that `dnsguard status` lists.",
                     sum(1 for _ in self._warnings()) + len(proof.warnings))  # fmt: skip

    def _proof(self) -> Proven:
        forwarders = self._link.forwarders
        return proven(forwarders, asyncio.get_running_loop().time(), wanted=self._self_test and bool(forwarders))

    def _is_ready(self, proof: Proven) -> bool:
        is_enforced = self._enforcer.enforced is not None and not self._enforcer.problem
        return is_enforced and bool(self._link.forwarders) and proof.is_ready

    def _problems(self, proof: Proven) -> dict[str, list[str]]:
        """By part, those that have none among them."""
        return {
            "enforcement": list(self._unenforced()),
            "forwarders": list(self._of_forwarders()),
            "objects": [str(invalid) for invalid in self._inputs.invalid],
            "self-test": list(proof.problems),
            **{part: list(filter(None, complaints())) for part, complaints in self._troubles.items()},
        }

    def _unenforced(self) -> Iterator[str]:
        if self._enforcer.problem:
            yield f"what was in force stays: {self._enforcer.problem}"
        elif self._enforcer.enforced is None:
            yield "the first computation of policy still runs"

    def _of_forwarders(self) -> Iterator[str]:
        if not self._link.forwarders:
            yield "no forwarder is connected"
        for state in self._link.forwarders:
            if state.problem:
                yield f"forwarder {state.name}: {state.problem}"
            for problem in state.stats.problems if state.stats is not None else ():
                yield f"forwarder {state.name}: {problem}"

    def _warnings(self) -> Iterator[str]:
        enforced = self._enforcer.enforced
        if enforced is not None:
            if enforced.configuration is not None:
                yield from enforced.configuration.warnings
            yield from enforced.compiled.warnings
            yield from enforced.plan.warnings
        if summary := self._enforcer.restorations.summary:
            yield summary

    def _configuration(self) -> Iterator[ConfigurationState]:
        enforced = self._enforcer.enforced
        if enforced is not None and enforced.configuration is not None:
            for each in enforced.configuration.origins:
                yield ConfigurationState(name=each.name, value=each.value, origin=each.origin)

    def _forwarders(self) -> Iterator[ForwarderState]:
        for state in self._link.forwarders:
            yield ForwarderState(
                id=state.name,
                connected=True,
                listen=state.listen,
                revision=state.acked_revision,
                problem=state.problem,
                upstreams={} if state.stats is None else state.stats.upstreams,
                counters={} if state.stats is None else state.stats.counters,
            )


def classes_of(compiled: Compiled) -> frozenset[PolicyClass]:
    """The classes of all endpoints."""
    # Most share the very object, and to hash one takes as long as to find twenty.
    objects = {id(each): each for endpoint in compiled.endpoints.values() for each in endpoint.classes.values()}
    return frozenset(objects.values())


class EndpointsModel:
    """``dnsguard.api.services.Endpoints``."""

    def __init__(self, enforcer: Enforcer[Plan], node: str) -> None:
        self._enforcer = enforcer
        self._node = node

    async def __call__(self, namespace: str | None) -> EndpointStates:
        enforced = self._enforcer.enforced
        if enforced is None:
            raise ReadModelUnavailable("the first computation of policy still runs")
        return EndpointStates(
            endpoints=tuple(
                self._state(endpoint)
                for _, endpoint in sorted(enforced.compiled.endpoints.items())
                if namespace is None or endpoint.id.namespace == namespace
            )
        )

    def _state(self, endpoint: CompiledEndpoint) -> EndpointState:
        problem = endpoint_problem(endpoint, self._enforcer, self._node)
        return EndpointState(
            kind=endpoint.id.kind,
            namespace=endpoint.id.namespace,
            name=endpoint.id.name,
            node=endpoint.node,
            interface=endpoint.interface,
            addresses=tuple(str(address) for address in endpoint.addresses),
            labels=dict(endpoint.labels),
            policies=policies_of(endpoint),
            profiles=endpoint.profile_ids,
            enforced=not problem,
            problem=problem,
        )


def endpoint_problem(endpoint: CompiledEndpoint, enforcer: Enforcer[Plan], node: str) -> str:
    """Why an endpoint is not enforced on this node; empty when all is well."""
    if not endpoint.is_on(node):
        return f"it is on node {endpoint.node}"
    if endpoint.is_workload and not endpoint.addresses:
        return "it has no address"
    if not enforcer.in_sync:
        return enforcer.problem or "a change is on its way"
    return ""


def policies_of(endpoint: CompiledEndpoint) -> tuple[str, ...]:
    """All policies of an endpoint, egress before ingress, each once."""
    found: dict[str, None] = {}
    for direction in (Direction.EGRESS, Direction.INGRESS):
        for (_, its_direction), policy_class in endpoint.classes.items():
            if its_direction is direction:
                for tier in policy_class.tiers:
                    found.update((str(policy), None) for policy in tier.policies)
    return tuple(found)


class LeasesModel:
    """``dnsguard.api.services.Leases``."""

    def __init__(self, enforcer: Enforcer[Plan], link: Forwarders) -> None:
        self._enforcer = enforcer
        self._link = link

    async def __call__(self, question: LeasesQuestion) -> LeaseStates:
        clients = self.addresses_of(question.client) if question.client else ("",)
        if not self._link.forwarders:
            raise ReadModelUnavailable("no forwarder is connected: leases are known to forwarders only")
        searches = bool(question.name or question.address or question.set)
        seconds = SEARCH_SECONDS if searches else LEASES_SECONDS
        answers = await asyncio.gather(
            *(
                self._link.search_leases(client, question.name, question.address, question.set, question.limit, seconds)
                if searches
                else self._link.leases(client, seconds)
                for client in clients
            )
        )
        if not all(answers):
            raise ReadModelUnavailable(f"no forwarder answered within {seconds:g} s")
        # Of an endpoint with several addresses each answer holds all that is leased to any of them.
        learned = Learned.of(reply for answer in answers for reply in answer)
        states = tuple(map(lease_state, learned.leases))
        truncated = learned.truncated or len(states) > question.limit
        return LeaseStates(leases=states[: question.limit], truncated=truncated)

    def addresses_of(self, client: str) -> tuple[str, ...]:
        """The addresses of an endpoint, or the address itself. Raises BadClient, UnknownEndpoint,
        ReadModelUnavailable."""
        try:
            return (str(ip_address(client)),)
        except ValueError:
            pass
        enforced = self._enforcer.enforced
        if enforced is None:
            raise ReadModelUnavailable("the first computation of policy still runs")
        for identity, endpoint in enforced.compiled.endpoints.items():
            if str(identity) == client:
                return tuple(str(address) for address in endpoint.addresses)
        if "/" in client:
            raise UnknownEndpoint(f"there is no endpoint {client!r}")
        raise BadClient(
            f"client {client!r} is no address and no host endpoint: write an address, or NAMESPACE/NAME of a workload"
        )


def lease_state(lease: LearnedLease) -> LeaseState:
    return LeaseState(
        client=lease.client,
        client_address=lease.client_address,
        address=lease.address,
        names=lease.names,
        sets=lease.lease_sets,
        seconds_left=lease.seconds_left,
    )
