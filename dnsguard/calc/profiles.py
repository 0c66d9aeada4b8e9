"""Profiles as they are in force: those that were written, and those that exist because something else does."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from dnsguard.calc.changes import Change
from dnsguard.calc.labels import namespace_labels
from dnsguard.resources import (
    Action,
    EgressRule,
    IngressRule,
    Namespace,
    Profile,
    Resource,
    Rule,
    WorkloadEndpoint,
)
from dnsguard.resources.labels import NAME, SERVICE_ACCOUNT_PREFIX
from dnsguard.resources.profile import DEFAULT_ALLOW

_ALLOW_INGRESS = (IngressRule(action=Action.ALLOW),)
_ALLOW_EGRESS = (EgressRule(action=Action.ALLOW),)


@dataclass(frozen=True, slots=True)
class EffectiveProfile:
    """Last-resort rules, and the labels that endpoints inherit with them."""

    ingress: tuple[Rule, ...] = ()
    egress: tuple[Rule, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


UNKNOWN = EffectiveProfile((IngressRule(action=Action.DENY),), (EgressRule(action=Action.DENY),))
"""Stands in for a profile that an endpoint lists and nobody defined: what is missing fails closed."""


class ProfileChange(NamedTuple):
    """A profile as it was and as it is, None where there is none. The two are not equal."""

    before: EffectiveProfile | None
    after: EffectiveProfile | None

    @property
    def relabels(self) -> bool:
        """Whether endpoints inherit other labels."""
        return (self.before or UNKNOWN).labels != (self.after or UNKNOWN).labels


class _Mention(NamedTuple):
    """A namespace, or a service account of it, that some object speaks of."""

    namespace: str
    account: str = ""

    @property
    def profile(self) -> str:
        return f"ksa.{self.namespace}.{self.account}" if self.account else namespace_profile(self.namespace)


def namespace_profile(namespace: str) -> str:
    """The name of the profile that a namespace brings with it."""
    return f"kns.{namespace}"


class ProfileBook:
    """All profiles by name.

    `kns.<namespace>` exists for every namespace that is defined or merely mentioned, `ksa.<namespace>.<account>` for
    every service account that a workload names. A profile that was written takes the place of one that would be made.
    """

    def __init__(self) -> None:
        self._namespaces: dict[str, Mapping[str, str]] = {}
        """Labels of those that are defined."""

        self._mentions = Counter[_Mention]()
        self._made = {DEFAULT_ALLOW: EffectiveProfile(_ALLOW_INGRESS, _ALLOW_EGRESS)}
        self._written: dict[str, EffectiveProfile] = {}

    def get(self, name: str) -> EffectiveProfile | None:
        """The profile, or None."""
        return self._written.get(name) or self._made.get(name)

    def labels(self, name: str) -> Mapping[str, str]:
        """The labels that come with it; of a profile that does not exist, none."""
        return (self.get(name) or UNKNOWN).labels

    def apply(self, changes: Iterable[Change]) -> dict[str, ProfileChange]:
        """Takes the changes on; the profiles that are others now."""
        before: dict[str, EffectiveProfile | None] = {}
        mentioned: dict[_Mention, None] = {}
        for was, now in changes:
            for mentions, times in ((_mentions(was), -1), (_mentions(now), 1)):
                for mention in mentions:
                    self._mentions[mention] += times
                    mentioned[mention] = None
            match now if now is not None else was:
                case Namespace() as namespace:
                    self._define(namespace.name, now)
                case Profile(name=name):
                    before.setdefault(name, self.get(name))
                    self._write(name, now)
        for mention in mentioned:
            before.setdefault(mention.profile, self.get(mention.profile))
            self._make(mention)
        after = {name: self.get(name) for name in before}
        return {name: ProfileChange(was, after[name]) for name, was in before.items() if was != after[name]}

    def _define(self, name: str, namespace: Resource | None) -> None:
        if namespace is None:
            del self._namespaces[name]
        else:
            self._namespaces[name] = namespace.labels

    def _write(self, name: str, profile: Resource | None) -> None:
        if isinstance(profile, Profile):
            spec = profile.spec
            self._written[name] = EffectiveProfile(spec.ingress or (), spec.egress or (), spec.labels_to_apply)
        else:
            del self._written[name]

    def _make(self, mention: _Mention) -> None:
        name = mention.profile
        if not self._mentions[mention]:
            del self._mentions[mention]
            self._made.pop(name, None)
        elif mention.account:
            self._made[name] = EffectiveProfile(labels={SERVICE_ACCOUNT_PREFIX + NAME: mention.account})
        else:
            labels = namespace_labels(mention.namespace, self._namespaces.get(mention.namespace, {}))
            self._made[name] = EffectiveProfile(_ALLOW_INGRESS, _ALLOW_EGRESS, labels)


def _mentions(resource: Resource | None) -> Iterator[_Mention]:
    """The namespaces and service accounts that have a profile because of this object."""
    if isinstance(resource, Namespace):
        yield _Mention(resource.name)
    elif resource is not None and resource.namespace:
        yield _Mention(resource.namespace)
        if isinstance(resource, WorkloadEndpoint) and resource.spec.service_account_name:
            yield _Mention(resource.namespace, resource.spec.service_account_name)
