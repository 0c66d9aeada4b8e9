"""Network sets with what they inherit: the labels of their namespace."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from dnsguard.calc.changes import Change
from dnsguard.calc.contents import Selectable
from dnsguard.calc.labels import effective_labels
from dnsguard.calc.networks import keyed
from dnsguard.calc.profiles import ProfileBook, ProfileChange, namespace_profile
from dnsguard.resources import GlobalNetworkSet, NetworkSet


class NetworkSetId(NamedTuple):
    """The identity of a network set; the namespace of a global one is empty."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """A network set with its effective labels."""

    id: NetworkSetId
    labels: Mapping[str, str]
    selectable: Selectable


class NetworkSetChange(NamedTuple):
    """A network set as it was and as it is, None where there is none. The two are not equal."""

    identity: NetworkSetId
    before: LabelledSet | None
    after: LabelledSet | None


class NetworkSetBook:
    """Network sets by identity, and which are in a namespace."""

    def __init__(self, profiles: ProfileBook) -> None:
        self._profiles = profiles
        self._sets: dict[NetworkSetId, LabelledSet] = {}
        self._resources: dict[NetworkSetId, NetworkSet | GlobalNetworkSet] = {}
        self._inheriting: dict[str, set[NetworkSetId]] = {}
        """By the profile of the namespace."""

    def apply(self, changes: Iterable[Change], profiles: Mapping[str, ProfileChange]) -> list[NetworkSetChange]:
        """Takes on changed resources, and profiles that have changed already."""
        relabelling = [name for name, change in profiles.items() if change.relabels]
        touched = dict.fromkeys(identity for name in relabelling for identity in self._inheriting.get(name, ()))
        for before, after in changes:
            resource = after if after is not None else before
            if isinstance(resource, NetworkSet | GlobalNetworkSet):
                identity = NetworkSetId(resource.namespace, resource.name)
                touched[identity] = None
                if after is None:
                    del self._resources[identity]
                else:
                    self._resources[identity] = resource
                if identity.namespace:
                    self._inherit(identity, namespace_profile(identity.namespace), gone=after is None)
        return [change for change in map(self._update, touched) if change.before != change.after]

    def _inherit(self, identity: NetworkSetId, profile: str, *, gone: bool) -> None:
        heirs = self._inheriting.setdefault(profile, set())
        if gone:
            heirs.remove(identity)
        else:
            heirs.add(identity)
        if not heirs:
            del self._inheriting[profile]

    def _update(self, identity: NetworkSetId) -> NetworkSetChange:
        before = self._sets.pop(identity, None)
        resource = self._resources.get(identity)
        if resource is None:
            return NetworkSetChange(identity, before, None)
        inherited = [self._profiles.labels(namespace_profile(identity.namespace))] if identity.namespace else []
        after = LabelledSet(identity, effective_labels(resource, inherited), _selectable(resource))
        self._sets[identity] = after
        return NetworkSetChange(identity, before, after)


def _selectable(resource: NetworkSet | GlobalNetworkSet) -> Selectable:
    networks = (net.network for net in resource.spec.nets or ())
    return Selectable(keyed(networks), resource.spec.allowed_egress_domains)
