"""The calculation graph: which change is told to whom, in which order.

::

    resources ─► changes ─► staging ─► policies ──────┐
                    │                                 ▼
                    ├─► profiles ─► endpoints ─► selection ─► groups ─► classes
                    │        │          │                        │ usage
                    │        │          ▼                        ▼
                    │        └─► networksets ─► sets ◄─ asking ─ rulebook
                    │                            │
                    └─► advice ◄─────────────────┘

Each part keeps what it needs to know what a change means to it, says what changed for those after it, and looks only at
what depends on that. Beside them: `labels`, `scoping`, `ordering`, `stages` and `rules` say what resources mean,
`labelindex` (by `anchors`) finds what selectors match, `contents` (by `union` and `networks`) keeps what a set holds,
`claims` and `policyadvice` know what to advise, and what is given out is `published`.
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, fields

from dnsguard.calc.advice import Advice
from dnsguard.calc.changes import Change
from dnsguard.calc.claims import AddressClaims
from dnsguard.calc.compiled import Compiled, CompiledEndpoint, EndpointId
from dnsguard.calc.endpoints import EndpointBook, EndpointChange
from dnsguard.calc.labelindex import LabelIndex
from dnsguard.calc.networksets import NetworkSetBook, NetworkSetChange
from dnsguard.calc.policies import PolicyBook
from dnsguard.calc.policyadvice import PolicyAdvice
from dnsguard.calc.profiles import ProfileBook
from dnsguard.calc.published import Published
from dnsguard.calc.rulebook import RuleBook
from dnsguard.calc.selection import Selection
from dnsguard.calc.sets import Labelled, SetRegistry
from dnsguard.calc.staging import Staging, View
from dnsguard.calc.usage import PolicyUsage, ProfileUsage


@dataclass(frozen=True, slots=True)
class Work:
    """How much was done so far, in things that were made, whether or not they came out as they were."""

    labels: int
    """Effective labels of endpoints."""

    endpoints: int
    policies: int
    profiles: int
    sets: int


class Calculation:
    """One state of the calculation. `compiled` is what it comes to; nothing that was given out ever changes."""

    def __init__(self, view: View) -> None:
        self._advice = Advice()
        self._staging = Staging(view, self._advice)
        self._profiles = ProfileBook()
        self._endpoints = EndpointBook(self._profiles)
        self._network_sets = NetworkSetBook(self._profiles)
        self._claims = AddressClaims(self._advice)
        self._policies = PolicyBook(self._advice)
        self._objects = LabelIndex[Hashable, Labelled]()
        self._selection = Selection(self._objects)
        self._sets = SetRegistry(self._objects)
        self._rules = RuleBook(self._sets)
        self._policy_usage = PolicyUsage(self._selection.groups, self._rules)
        self._profile_usage = ProfileUsage(self._endpoints, self._profiles, self._rules, self._advice)
        self._policy_advice = PolicyAdvice(self._sets, self._selection.groups, self._advice)
        self._compiled_endpoints = Published[EndpointId, CompiledEndpoint]()
        self.compiled = Compiled()

    def apply(self, changes: Iterable[Change]) -> None:
        """Takes the changes on, all at once. After an exception this object is of no more use."""
        seen = list(self._staging.seen(changes))
        profiles = self._profiles.apply(seen)
        endpoints = self._endpoints.apply(seen, profiles)
        policies = self._policies.apply(seen, self._staging.apply(seen))
        self._index(endpoints, self._network_sets.apply(seen, profiles))
        self._claims.apply(endpoints)
        selected = self._selection.apply(policies, endpoints)
        self._compile_endpoints(selected.endpoints)
        outdated = self._sets.outdated()
        self._policy_advice.apply(policies, selected.policies, outdated)
        self._policy_usage.apply(policies, selected.policies, outdated)
        self._profile_usage.apply(profiles, endpoints, outdated)
        self._sets.publish()
        self.compiled = self._result()

    @property
    def work(self) -> Work:
        """What was done since the beginning."""
        sets = (self._sets.member_sets, self._sets.port_sets, self._sets.lease_sets)
        return Work(
            labels=self._endpoints.made,
            endpoints=self._compiled_endpoints.made,
            policies=self._rules.policies.made,
            profiles=self._rules.profiles.made,
            sets=sum(published.made for published in sets),
        )

    def _index(self, endpoints: Sequence[EndpointChange], network_sets: Sequence[NetworkSetChange]) -> None:
        """Index first, sets after: a set that is made while sets follow would see a change twice, or not at all."""
        for identity, _, after in (*endpoints, *network_sets):
            if after is None:
                self._objects.remove(identity)
            else:
                self._objects.put(identity, after.labels, after)
        for _, before, after in (*endpoints, *network_sets):
            self._sets.replace(before, after)

    def _compile_endpoints(self, identities: Iterable[EndpointId]) -> None:
        for identity in identities:
            endpoint = self._endpoints.get(identity)
            if endpoint is None:
                self._compiled_endpoints.drop(identity)
                continue
            self._compiled_endpoints.put(
                identity,
                CompiledEndpoint(
                    id=identity,
                    node=endpoint.node,
                    interface=endpoint.interface,
                    addresses=endpoint.addresses,
                    labels=endpoint.labels,
                    classes=self._selection.groups.of(identity).classes,
                    profile_ids=endpoint.profiles,
                    mac=endpoint.mac,
                ),
            )

    def _result(self) -> Compiled:
        now = Compiled(
            endpoints=self._compiled_endpoints.snapshot(),
            policies=self._rules.policies.snapshot(),
            profiles=self._rules.profiles.snapshot(),
            member_sets=self._sets.member_sets.snapshot(),
            port_sets=self._sets.port_sets.snapshot(),
            lease_sets=self._sets.lease_sets.snapshot(),
            warnings=self._advice.lines(),
        )
        last = self.compiled
        return last if all(getattr(now, each.name) is getattr(last, each.name) for each in fields(Compiled)) else now
