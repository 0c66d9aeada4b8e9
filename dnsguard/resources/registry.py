"""The kinds there are, and what they are called."""

from typing import NamedTuple

from dnsguard.errors import DnsguardError
from dnsguard.resources.endpoint import HostEndpoint, WorkloadEndpoint
from dnsguard.resources.namespace import Namespace
from dnsguard.resources.networkset import GlobalNetworkSet, NetworkSet
from dnsguard.resources.policy import GlobalNetworkPolicy, NetworkPolicy
from dnsguard.resources.profile import Profile
from dnsguard.resources.resource import CORE, PROJECTCALICO, Resource
from dnsguard.resources.tier import Tier


class Kind(NamedTuple):
    """One kind, with all its names."""

    kind: str
    plural: str
    singular: str
    short_names: tuple[str, ...]
    api_version: str
    namespaced: bool
    model: type[Resource]

    @property
    def group(self) -> str:
        """API group; empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        """API version within the group."""
        return self.api_version.rpartition("/")[2]

    def called(self, name: str) -> str:
        """An object as kubectl names it: `networkset.projectcalico.org/x`, `namespace/x` in the core group."""
        return f"{self.singular}.{self.group}/{name}" if self.group else f"{self.singular}/{name}"


# In the order in which a batch is applied: what is referred to comes first.
KINDS: tuple[Kind, ...] = (
    Kind("Namespace", "namespaces", "namespace", ("ns",), CORE, False, Namespace),
    Kind("Tier", "tiers", "tier", (), PROJECTCALICO, False, Tier),
    Kind("Profile", "profiles", "profile", (), PROJECTCALICO, False, Profile),
    Kind("GlobalNetworkSet", "globalnetworksets", "globalnetworkset", ("gns",), PROJECTCALICO, False, GlobalNetworkSet),
    Kind("NetworkSet", "networksets", "networkset", ("netsets",), PROJECTCALICO, True, NetworkSet),
    Kind(
        "GlobalNetworkPolicy",
        "globalnetworkpolicies",
        "globalnetworkpolicy",
        ("gnp", "cgnp"),
        PROJECTCALICO,
        False,
        GlobalNetworkPolicy,
    ),
    Kind(
        "NetworkPolicy",
        "networkpolicies",
        "networkpolicy",
        ("cnp", "caliconetworkpolicy"),
        PROJECTCALICO,
        True,
        NetworkPolicy,
    ),
    Kind("HostEndpoint", "hostendpoints", "hostendpoint", ("hep", "heps"), PROJECTCALICO, False, HostEndpoint),
    Kind(
        "WorkloadEndpoint",
        "workloadendpoints",
        "workloadendpoint",
        ("wep", "weps"),
        PROJECTCALICO,
        True,
        WorkloadEndpoint,
    ),
)


class UnknownKind(DnsguardError):
    """No kind has this name; the message lists those there are."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"unknown kind {name!r}; the kinds are {known_kinds()}")


def known_kinds() -> str:
    """All kinds, for a message."""
    return ", ".join(kind.kind for kind in KINDS)


_BY_KIND = {kind.kind: kind for kind in KINDS}
_BY_PLURAL = {(kind.group, kind.plural): kind for kind in KINDS}
_BY_ANY_NAME = {
    name.lower(): kind
    for kind in KINDS
    for name in (
        kind.kind,
        kind.plural,
        kind.singular,
        f"{kind.plural}.{kind.group}",
        f"{kind.singular}.{kind.group}",
        *kind.short_names,
    )
}


def kind_of(kind: str) -> Kind:
    """The kind of an object, by its `kind` in exact case. Raises UnknownKind."""
    try:
        return _BY_KIND[kind]
    except KeyError:
        raise UnknownKind(kind) from None


def kind_at(group: str, plural: str) -> Kind | None:
    """The kind served at this path of an API group, or None."""
    return _BY_PLURAL.get((group, plural))


def kind_named(name: str) -> Kind:
    """The kind a person means: by kind, plural, singular or short name, in any case. Raises UnknownKind."""
    try:
        return _BY_ANY_NAME[name.lower()]
    except KeyError:
        raise UnknownKind(name) from None
