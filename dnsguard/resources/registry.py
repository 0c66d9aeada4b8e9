"""The kinds there are, and what they are called. Their models are imported when somebody asks for one: a command that
only names a kind starts without them."""

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple, cast

from dnsguard.errors import DnsguardError
from dnsguard.resources.apiversions import CORE, DNSGUARD, NETWORKING, PROJECTCALICO, RBAC

if TYPE_CHECKING:
    from dnsguard.resources.resource import Resource

_OWN_GROUP = PROJECTCALICO.partition("/")[0]


class Kind(NamedTuple):
    """One kind, with all its names."""

    kind: str
    plural: str
    singular: str
    short_names: tuple[str, ...]
    api_version: str
    namespaced: bool
    defined: str
    """Where its model is: `module.Class` within this package."""

    @property
    def model(self) -> "type[Resource]":
        """What its objects are read with."""
        return _model(self.defined)

    @property
    def group(self) -> str:
        """API group; empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        """API version within the group."""
        return self.api_version.rpartition("/")[2]

    @property
    def collection(self) -> str:
        """Where its objects are kept: the plural, with the group behind it where the plural alone could mean two."""
        return self.plural if self.group in ("", _OWN_GROUP) else f"{self.plural}.{self.group}"

    @property
    def is_access(self) -> bool:
        """Whether it says who may use the API: no policy is computed from it."""
        return self.api_version in (RBAC, DNSGUARD)

    def called(self, name: str) -> str:
        """An object as kubectl names it: `networkset.projectcalico.org/x`, `namespace/x` in the core group."""
        return f"{self.singular}.{self.group}/{name}" if self.group else f"{self.singular}/{name}"


@cache
def _model(defined: str) -> "type[Resource]":
    module, _, name = defined.partition(".")
    return cast("type[Resource]", getattr(import_module(f"dnsguard.resources.{module}"), name))


# In the order in which a batch is applied: what is referred to comes first.
# fmt: off
KINDS: tuple[Kind, ...] = (
    Kind("Namespace", "namespaces", "namespace", ("ns",), CORE, False, "namespace.Namespace"),
    Kind("FelixConfiguration", "felixconfigurations", "felixconfiguration", ("felixconfig", "felixconfigs"),
         PROJECTCALICO, False, "felix.FelixConfiguration"),
    Kind("KubeControllersConfiguration", "kubecontrollersconfigurations", "kubecontrollersconfiguration",
         ("kubecontrollersconfig",), PROJECTCALICO, False, "kubecontrollers.KubeControllersConfiguration"),
    Kind("Tier", "tiers", "tier", (), PROJECTCALICO, False, "tier.Tier"),
    Kind("Profile", "profiles", "profile", (), PROJECTCALICO, False, "profile.Profile"),
    Kind("GlobalNetworkSet", "globalnetworksets", "globalnetworkset", ("gns",),
         PROJECTCALICO, False, "networkset.GlobalNetworkSet"),
    Kind("NetworkSet", "networksets", "networkset", ("netset", "netsets"),
         PROJECTCALICO, True, "networkset.NetworkSet"),
    Kind("GlobalNetworkPolicy", "globalnetworkpolicies", "globalnetworkpolicy", ("gnp", "cgnp"),
         PROJECTCALICO, False, "policy.GlobalNetworkPolicy"),
    Kind("NetworkPolicy", "networkpolicies", "networkpolicy", ("np", "cnp", "caliconetworkpolicy"),
         PROJECTCALICO, True, "policy.NetworkPolicy"),
    Kind("NetworkPolicy", "networkpolicies", "networkpolicy", ("knp", "netpol"),
         NETWORKING, True, "kubernetespolicy.KubernetesNetworkPolicy"),
    Kind("StagedGlobalNetworkPolicy", "stagedglobalnetworkpolicies", "stagedglobalnetworkpolicy", ("sgnp",),
         PROJECTCALICO, False, "staged.StagedGlobalNetworkPolicy"),
    Kind("StagedNetworkPolicy", "stagednetworkpolicies", "stagednetworkpolicy", ("snp", "scnp"),
         PROJECTCALICO, True, "staged.StagedNetworkPolicy"),
    Kind("StagedKubernetesNetworkPolicy", "stagedkubernetesnetworkpolicies", "stagedkubernetesnetworkpolicy", ("sknp",),
         PROJECTCALICO, True, "kubernetespolicy.StagedKubernetesNetworkPolicy"),
    Kind("HostEndpoint", "hostendpoints", "hostendpoint", ("hep", "heps"),
         PROJECTCALICO, False, "endpoint.HostEndpoint"),
    Kind("WorkloadEndpoint", "workloadendpoints", "workloadendpoint", ("wep", "weps"),
         PROJECTCALICO, True, "endpoint.WorkloadEndpoint"),
    Kind("ClusterRole", "clusterroles", "clusterrole", (), RBAC, False, "rbac.ClusterRole"),
    Kind("Role", "roles", "role", (), RBAC, True, "rbac.Role"),
    Kind("ClusterRoleBinding", "clusterrolebindings", "clusterrolebinding", (),
         RBAC, False, "rbac.ClusterRoleBinding"),
    Kind("RoleBinding", "rolebindings", "rolebinding", (), RBAC, True, "rbac.RoleBinding"),
    Kind("AccessToken", "accesstokens", "accesstoken", (), DNSGUARD, False, "accesstoken.AccessToken"),
)
# fmt: on


class UnknownKind(DnsguardError):
    """No kind has this name; the message names the one that was meant, or lists those there are."""

    def __init__(self, name: str) -> None:
        self.name = name
        from difflib import get_close_matches

        # A near miss is a typing error; "CiliumNetworkPolicy" and "NetworkPolicyList" are none.
        close = get_close_matches(name, [kind.kind for kind in KINDS], n=1, cutoff=0.9)
        meant = f"did you mean {close[0]}?" if close else f"the kinds are {known_kinds()}"
        super().__init__(f"unknown kind {name!r}; {meant}")


def known_kinds() -> str:
    """All kinds, for a message; of another group than ours with their apiVersion."""
    return ", ".join(
        kind.kind if kind.group in ("", _OWN_GROUP) else f"{kind.kind} ({kind.api_version})" for kind in KINDS
    )


ACCESS_COLLECTIONS = frozenset(kind.collection for kind in KINDS if kind.is_access)
"""Where objects are kept that say who may use the API."""

_BY_KIND = {(kind.group, kind.kind): kind for kind in KINDS}
_FIRST_BY_KIND = {kind.kind: kind for kind in reversed(KINDS)}
_BY_VERSION = {(kind.api_version, kind.kind): kind for kind in KINDS}
_BY_PLURAL = {(kind.group, kind.plural): kind for kind in KINDS}
# Of two kinds with one name, the bare name means the first.
_BY_ANY_NAME = {
    name.lower(): kind
    for kind in reversed(KINDS)
    for name in (
        kind.kind,
        kind.plural,
        kind.singular,
        f"{kind.plural}.{kind.group}",
        f"{kind.singular}.{kind.group}",
        *kind.short_names,
    )
}


def groups() -> tuple[tuple[str, str], ...]:
    """Every API group that is served, with its version; the core group is the empty one."""
    return tuple(dict.fromkeys((kind.group, kind.version) for kind in KINDS))


def kind_of(kind: str, api_version: str = "") -> Kind:
    """The kind of an object, by its `kind` in exact case. Raises UnknownKind.

    Where two groups have such a kind, `api_version` says which one; without one of theirs it is Calico's.
    """
    try:
        return _BY_KIND.get((api_version.rpartition("/")[0], kind)) or _FIRST_BY_KIND[kind]
    except KeyError:
        raise UnknownKind(kind) from None


def kind_of_resource(resource: "Resource") -> Kind:
    """The kind that a resource is of."""
    return _BY_VERSION[resource.API_VERSION, resource.kind]


def kind_at(group: str, plural: str) -> Kind | None:
    """The kind served at this path of an API group, or None."""
    return _BY_PLURAL.get((group, plural))


def kind_named(name: str) -> Kind:
    """The kind a person means: by kind, plural, singular or short name, in any case, also with the group behind it.

    Raises UnknownKind.
    """
    try:
        return _BY_ANY_NAME[name.lower()]
    except KeyError:
        raise UnknownKind(name) from None
