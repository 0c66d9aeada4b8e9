"""``effective``: everything that applies to one endpoint."""

import asyncio

from dnsguard.api.services import ReadModelUnavailable, UnknownEndpoint
from dnsguard.api.views.effective import Effective
from dnsguard.calc.compiled import Compiled, CompiledEndpoint
from dnsguard.controller.desired import Desired
from dnsguard.controller.effective.rules import sets_of
from dnsguard.controller.effective.sets import shown_sets
from dnsguard.controller.effective.stages import Stages
from dnsguard.controller.enforcement import Enforcer
from dnsguard.controller.explain.learned import Learned
from dnsguard.controller.explain.policystate import PolicyState
from dnsguard.controller.explain.policystates import PolicyStates
from dnsguard.controller.forwarders import Forwarders, learned_by
from dnsguard.controller.readmodels import endpoint_problem
from dnsguard.dataplane.rules import Plan


class EffectiveModel:
    """``dnsguard.api.services.EffectivePolicies``."""

    def __init__(self, enforcer: Enforcer[Plan], link: Forwarders, node: str, states: PolicyStates) -> None:
        self._enforcer = enforcer
        self._link = link
        self._node = node
        self._states = states

    async def __call__(self, endpoint: str) -> Effective:
        enforced = self._enforcer.enforced
        if enforced is None:
            raise ReadModelUnavailable("the first computation of policy still runs")
        found = endpoint_called(endpoint, enforced.compiled)
        notes = [] if self._enforcer.in_sync else [f"not in sync with the store: {self._why()}"]
        learned = await learned_by(self._link, found.addresses, notes, "the endpoint")
        state, pending = await self._states.of(enforced)
        return await asyncio.to_thread(self._shown, found, enforced, state, pending, learned, notes)

    def _why(self) -> str:
        return self._enforcer.problem or "a change is on its way"

    def _shown(
        self,
        endpoint: CompiledEndpoint,
        enforced: Desired[Plan],
        state: PolicyState,
        pending: PolicyState | None,
        learned: Learned,
        notes: list[str],
    ) -> Effective:
        stages = Stages(endpoint, state, pending)
        states = [state] if pending is None else [state, pending]
        node = enforced.surroundings
        if node.fail_open_after:
            notes = [*notes, f"all of this ends {node.fail_open_after:g} s after the last sign of life of a forwarder"]
        return Effective(
            kind=endpoint.id.kind,
            namespace=endpoint.id.namespace,
            name=endpoint.id.name,
            node=endpoint.node,
            interface=endpoint.interface,
            addresses=tuple(map(str, endpoint.addresses)),
            labels=dict(endpoint.labels),
            profiles=endpoint.profile_ids,
            revision=enforced.revision,
            problem=endpoint_problem(endpoint, self._enforcer, self._node),
            stages=tuple(stages.shown(node)),
            sets=tuple(shown_sets(sets_of(stages.rules()), states, learned)),
            notes=tuple(notes),
        )


def endpoint_called(text: str, compiled: Compiled) -> CompiledEndpoint:
    """The endpoint of that name. Raises UnknownEndpoint."""
    for identity, endpoint in compiled.endpoints.items():
        if str(identity) == text:
            return endpoint
    hint = "" if "/" in text else ": write NAMESPACE/NAME of a workload, or the name of a host endpoint"
    raise UnknownEndpoint(f"there is no endpoint {text!r}{hint}")
