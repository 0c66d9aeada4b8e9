"""Which policies select which endpoints."""

from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import NamedTuple

from dnsguard.calc.compiled import EndpointId
from dnsguard.calc.endpoints import Endpoint, EndpointChange
from dnsguard.calc.groups import Group, GroupKey, Groups
from dnsguard.calc.labelindex import LabelIndex, SelectorIndex
from dnsguard.calc.policies import InForce, PolicyChanges
from dnsguard.calc.sets import Labelled
from dnsguard.calc.stages import places_of_endpoint


class Selected(NamedTuple):
    """What a change came to."""

    endpoints: Collection[EndpointId]
    """Those of which something may be another: themselves, or a class."""

    policies: set[InForce]
    """Those that select other endpoints now."""


class Selection:
    """Holds policies in force against endpoints, and puts endpoints into groups by what selects them."""

    def __init__(self, objects: LabelIndex[Hashable, Labelled]) -> None:
        self._objects = objects
        self._selectors = SelectorIndex[InForce]()
        self.groups = Groups()

    def apply(self, policies: PolicyChanges, endpoints: Sequence[EndpointChange]) -> Selected:
        """Takes on changed policies, and endpoints whose change the index of objects has seen already."""
        own = dict.fromkeys(change.identity for change in endpoints)
        turned = self._turned(policies, own)
        for policy in policies.gone:
            self._selectors.remove(policy.selector, policy)
        for selector, policy in policies.reselected:
            self._selectors.remove(selector, policy)
            self._selectors.add(policy.selector, policy)
        for policy in policies.new:
            self._selectors.add(policy.selector, policy)
        known: dict[Hashable, frozenset[InForce]] = {}
        for identity, _, after in endpoints:
            self.groups.move(identity, self._key(after, known) if after is not None else None)
        self._turn(turned)
        reclassed = list(self.groups.reclass(policies.moved))
        return Selected(dict.fromkeys([*own, *turned, *reclassed]), self.groups.sweep())

    def _turned(
        self, policies: PolicyChanges, apart_from: Mapping[EndpointId, None]
    ) -> dict[EndpointId, list[InForce]]:
        """The policies that select an endpoint now and did not before, or the other way round."""
        turned: dict[EndpointId, list[InForce]] = {}
        if not self.groups:
            return turned
        gone = set(policies.gone)
        reselected = [policy for _, policy in policies.reselected]
        for policy in (*policies.gone, *policies.new, *reselected):
            was = {identity for group in self.groups.selected_by(policy) for identity in group.members}
            now = self._selected(policy) if policy not in gone else set()
            for identity in (was ^ now) - apart_from.keys():
                turned.setdefault(identity, []).append(policy)
        return turned

    def _turn(self, turned: dict[EndpointId, list[InForce]]) -> None:
        keys: dict[tuple[Group, tuple[InForce, ...]], GroupKey] = {}
        for identity, policies in turned.items():
            group = self.groups.of(identity)
            turn = (group, tuple(policies))
            if turn not in keys:
                keys[turn] = group.key._replace(policies=group.key.policies.symmetric_difference(policies))
            self.groups.move(identity, keys[turn])

    def _key(self, endpoint: Endpoint, known: dict[Hashable, frozenset[InForce]]) -> GroupKey:
        """The key of an endpoint's group; `known` keeps what those have in common that selectors cannot tell apart."""
        alike = self._selectors.seen(endpoint.labels)
        if alike not in known:
            known[alike] = frozenset(self._selectors.matching(endpoint.labels))
        return GroupKey(places_of_endpoint(endpoint), endpoint.profiles, known[alike])

    def _selected(self, policy: InForce) -> set[EndpointId]:
        found = self._objects.matching(policy.selector)
        return {each.id for each in found if isinstance(each, Endpoint)}
