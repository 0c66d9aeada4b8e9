"""What of each stored object is in force on this node: worked out when it is read.

An object is in force when the kernel holds a state of the store that has its version, it is understood, and nothing
else speaks against it. What turned lately is remembered, so that nobody who watches misses it.
"""

import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from dnsguard.api.reading.statuses import Hear, Turned
from dnsguard.calc.compiled import PolicyId
from dnsguard.controller.desired import Desired
from dnsguard.controller.enforcement import Enforcer
from dnsguard.controller.inputs import Inputs
from dnsguard.controller.objectwarnings import ObjectWarnings, is_without_effect
from dnsguard.dataplane.rules import Plan
from dnsguard.resources import (
    KINDS,
    FelixConfiguration,
    GlobalNetworkPolicy,
    HostEndpoint,
    KubernetesNetworkPolicy,
    NetworkPolicy,
    Resource,
    StagedGlobalNetworkPolicy,
    StagedKubernetesNetworkPolicy,
    StagedNetworkPolicy,
    WorkloadEndpoint,
)
from dnsguard.resources.apiversions import NETWORKING, PROJECTCALICO
from dnsguard.store.interface import Compacted, Key, Object

REMEMBERED: Final = 10_000
"""Turns of one collection that are kept for watches that resume; those of one moment all."""

SHARED_SECONDS: Final = 60.0
"""How long what turned without any later change is told to watches that begin there: whether they saw it before or
after cannot be known."""

_STAGED: Final = frozenset({StagedGlobalNetworkPolicy, StagedNetworkPolicy, StagedKubernetesNetworkPolicy})
_POLICIES: Final = frozenset({GlobalNetworkPolicy, NetworkPolicy, KubernetesNetworkPolicy})
_ENDPOINTS: Final = frozenset({WorkloadEndpoint, HostEndpoint})
_ENFORCED: Final = {
    kind.collection: kind.model
    for kind in KINDS
    if kind.api_version in (PROJECTCALICO, NETWORKING) and kind.kind != "KubeControllersConfiguration"
}
"""Collection → model, of what rules come from."""


class _State(NamedTuple):
    """The condition ``Enforced`` of one object."""

    status: str
    """``True``, ``False`` or ``Unknown``."""

    reason: str
    message: str
    revision: str
    """``resourceVersion`` that is in force; empty where none is."""


class _Turn(NamedTuple):
    """A line of the log."""

    turned: Turned
    at: int
    """The newest revision of the store then: readers of later ones have seen it."""

    when: float


class StatusesModel:
    """``dnsguard.api.reading.statuses.Statuses``."""

    def __init__(
        self,
        inputs: Inputs,
        enforcer: Enforcer[Plan],
        node: str,
        newest: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``newest``: the store's revision now, which ``inputs`` may not have seen yet. ``clock``: seconds."""
        self._inputs = inputs
        self._enforcer = enforcer
        self._node = node
        self._newest = newest
        self._clock = clock
        self._problem = ""
        self._hearing: set[Hear] = set()
        self._log: defaultdict[str, deque[_Turn]] = defaultdict(deque)
        self._floor: defaultdict[str, int] = defaultdict(lambda: -1)
        self._warnings = ObjectWarnings()

    def of(self, key: Key, value: Object) -> Object | None:
        metadata = value["metadata"]
        version = metadata.get("resourceVersion")
        model = _ENFORCED.get(key.plural)
        if model is None or version is None:
            return None
        state = self._state(key, value, model, version)
        condition = {
            "type": "Enforced",
            "status": state.status,
            "reason": state.reason,
            "message": state.message,
            "lastTransitionTime": self._inputs.transitions.since(key),
        }
        if "generation" in metadata:
            condition["observedGeneration"] = metadata["generation"]
        if state.revision:
            return {"node": self._node, "enforcedRevision": state.revision, "conditions": [condition]}
        return {"node": self._node, "conditions": [condition]}

    def turned_since(self, revision: int, plural: str) -> Sequence[Turned]:
        if revision <= self._floor[plural]:
            raise Compacted(f"what came into force since revision {revision} is no longer known: list again")
        found: dict[Key, Turned] = {}
        earliest = self._clock() - SHARED_SECONDS
        for turn in reversed(self._log[plural]):
            if turn.at < revision:
                break
            if turn.at > revision or turn.when > earliest:
                found.setdefault(turn.turned.key, turn.turned)
        return sorted(found.values(), key=lambda turned: turned.revision)

    def follow(self, hear: Hear) -> Callable[[], None]:
        self._hearing.add(hear)
        return lambda: self._hearing.discard(hear)

    def progressed(self) -> None:
        """Another state of the store is in force, or something is wrong now, or is so no longer."""
        enforced, transitions = self._enforcer.enforced, self._inputs.transitions
        settled = transitions.settle(enforced.revision) if enforced is not None else []
        turned = [Turned(*each) for each in settled if each.key.plural in _ENFORCED]
        self._remember(turned)
        if self._enforcer.problem != self._problem:
            self._problem = self._enforcer.problem
            waiting = ((key, each.revision) for key, each in transitions.waiting.items() if key.plural in _ENFORCED)
            turned = sorted((*turned, *(Turned(*each) for each in waiting)), key=lambda each: each.revision)
        if turned:
            for hear in tuple(self._hearing):
                hear(turned)

    def _remember(self, turned: Iterable[Turned]) -> None:
        at, when = self._newest(), self._clock()
        for each in turned:
            log = self._log[each.key.plural]
            log.append(_Turn(each, at, when))
            # What turns at one time stays together: who listed just then could never begin to watch.
            if len(log) > REMEMBERED and log[0].at < at:
                self._floor[each.key.plural] = log.popleft().at

    def _state(self, key: Key, value: Object, model: type[Resource], version: str) -> _State:
        if model in _STAGED:
            return _State("False", "Staged", "it is staged: only what dnsguard explain says of it differs", "")
        invalid = self._inputs.invalid_at(key) if self._inputs.has_invalid else None
        if invalid is not None:
            return _State("False", "Invalid", str(invalid), invalid.enforced_version)
        enforced = self._enforcer.enforced
        if enforced is None or int(version) > enforced.revision:
            return self._not_yet(key, version, enforced)
        if not self._enforcer.holds:
            return _State("False", "Restoring", "others changed the table in the kernel: it is being made anew", "")
        if elsewhere := self._elsewhere(key, value, model):
            return _State("False", "OtherNode", elsewhere, "")
        if model is WorkloadEndpoint and not value.get("spec", {}).get("ipNetworks"):
            return _State("False", "NoAddress", "it has no address", "")
        said = self._warnings.of(key, model, enforced)
        if any(map(is_without_effect, said)):
            return _State("False", "NotEnforced", "; ".join(said), "")
        if said:
            return _State("True", "EnforcedWithWarnings", "; ".join(said), version)
        if model in _POLICIES and PolicyId(model.__name__, key.namespace, key.name) not in enforced.compiled.policies:
            return _State("True", "Enforced", "it selects no endpoint now", version)
        return _State("True", "Enforced", "", version)

    def _not_yet(self, key: Key, version: str, enforced: Desired[Plan] | None) -> _State:
        waiting = self._inputs.transitions.waiting.get(key)
        before = waiting.before if waiting is not None else self._inputs.version_at(key)
        if before == version:
            before = ""
        if enforced is None:
            why = self._enforcer.problem or "the first computation of policy still runs"
            return _State("Unknown", "Starting", f"what an earlier run left in the kernel stays in force: {why}", "")
        stays = f"; version {before} stays in force" if before else ""
        if self._enforcer.problem:
            return _State("False", "Problem", f"{self._enforcer.problem}{stays}", before)
        return _State("False", "Pending", f"a change is on its way into the kernel{stays}", before)

    def _elsewhere(self, key: Key, value: Object, model: type[Resource]) -> str:
        """Why this node has nothing to do with it; empty where it has."""
        if model in _ENDPOINTS:
            node = value.get("spec", {}).get("node", "")
            return f"it is on node {node}" if node and node != self._node else ""
        if model is FelixConfiguration and key.name not in ("default", f"node.{self._node}"):
            return f"this node goes by default and node.{self._node}"
        return ""
