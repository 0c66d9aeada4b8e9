"""What kinds are called."""

import pytest

from dnsguard.resources import (
    KINDS,
    InvalidResource,
    KubernetesNetworkPolicy,
    NetworkPolicy,
    UnknownKind,
    groups,
    kind_at,
    kind_named,
    kind_of,
    kind_of_resource,
    parse_object,
)
from dnsguard.resources.registry import Kind
from tests.support.samples import SAMPLES

NAMES = [
    # what a person writes, kind
    ("NetworkPolicy", "NetworkPolicy"),
    ("networkpolicies", "NetworkPolicy"),
    ("networkpolicy", "NetworkPolicy"),
    ("cnp", "NetworkPolicy"),
    ("caliconetworkpolicy", "NetworkPolicy"),
    ("GNP", "GlobalNetworkPolicy"),
    ("cgnp", "GlobalNetworkPolicy"),
    ("tiers.projectcalico.org", "Tier"),
    ("np", "NetworkPolicy"),
    ("networksets", "NetworkSet"),
    ("netset", "NetworkSet"),
    ("netsets", "NetworkSet"),
    ("snp", "StagedNetworkPolicy"),
    ("scnp", "StagedNetworkPolicy"),
    ("sgnp", "StagedGlobalNetworkPolicy"),
    ("sknp", "StagedKubernetesNetworkPolicy"),
    ("felixconfig", "FelixConfiguration"),
    ("kubecontrollersconfig", "KubeControllersConfiguration"),
    ("gns", "GlobalNetworkSet"),
    ("hep", "HostEndpoint"),
    ("wep", "WorkloadEndpoint"),
    ("ns", "Namespace"),
    ("profile", "Profile"),
]


@pytest.mark.parametrize(("name", "kind"), NAMES)
def test_names(name: str, kind: str) -> None:
    assert kind_named(name).kind == kind


def names_of(kind: Kind) -> set[str]:
    return {kind.kind.lower(), kind.plural, kind.singular, *kind.short_names}


def test_no_name_means_two_kinds_but_for_the_policies_of_two_groups() -> None:
    names = [name for kind in KINDS if kind.model is not KubernetesNetworkPolicy for name in names_of(kind)]
    assert len(names) == len(set(names))
    kubernetes = kind_of("NetworkPolicy", "networking.k8s.io/v1")
    assert set(names) & names_of(kubernetes) == {"networkpolicy", "networkpolicies"}


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("networkpolicies", NetworkPolicy),
        ("networkpolicies.projectcalico.org", NetworkPolicy),
        ("networkpolicies.networking.k8s.io", KubernetesNetworkPolicy),
        ("NetworkPolicy.networking.k8s.io", KubernetesNetworkPolicy),
        ("knp", KubernetesNetworkPolicy),
        ("netpol", KubernetesNetworkPolicy),
    ],
)
def test_a_bare_name_means_our_policy(name: str, model: type) -> None:
    assert kind_named(name).model is model


@pytest.mark.parametrize(
    ("api_version", "model"),
    [
        ("", NetworkPolicy),
        ("projectcalico.org/v3", NetworkPolicy),
        ("networking.k8s.io/v1", KubernetesNetworkPolicy),
        ("networking.k8s.io/v1beta1", KubernetesNetworkPolicy),
        ("crd.projectcalico.org/v1", NetworkPolicy),
    ],
)
def test_the_group_says_whose_policy_an_object_is(api_version: str, model: type) -> None:
    assert kind_of("NetworkPolicy", api_version).model is model


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.collection)
def test_a_resource_knows_its_kind(kind: Kind) -> None:
    assert kind_of_resource(parse_object(SAMPLES[kind.collection])) is kind


def test_a_wrong_version_of_the_group_is_said() -> None:
    data = {"apiVersion": "networking.k8s.io/v1beta1", "kind": "NetworkPolicy", "metadata": {"name": "a"}}
    with pytest.raises(InvalidResource, match=r"must be networking\.k8s\.io/v1, not"):
        parse_object(data)


def test_a_collection_is_of_one_kind() -> None:
    collections = [kind.collection for kind in KINDS]
    assert len(collections) == len(set(collections))
    assert kind_named("knp").collection == "networkpolicies.networking.k8s.io"
    ours = [kind for kind in KINDS if kind.group in ("", "projectcalico.org")]
    assert all(kind.collection == kind.plural for kind in ours)


def test_what_says_who_may_what_is_kept_apart() -> None:
    access = {kind.kind for kind in KINDS if kind.is_access}
    assert access == {"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding", "AccessToken"}


def test_the_groups_that_are_served() -> None:
    assert groups() == (
        ("", "v1"),
        ("projectcalico.org", "v3"),
        ("networking.k8s.io", "v1"),
        ("rbac.authorization.k8s.io", "v1"),
        ("dnsguard.io", "v1"),
    )


def test_unknown_kinds_list_the_known_ones() -> None:
    for look_up in (kind_named, kind_of):
        with pytest.raises(UnknownKind, match=r"NetworkPolicy, NetworkPolicy \(networking.k8s.io/v1\), Staged"):
            look_up("IPPool")


def test_kinds_of_objects_are_written_exactly() -> None:
    with pytest.raises(UnknownKind):
        kind_of("networkpolicy")


def test_where_kinds_are_served() -> None:
    assert kind_at("", "namespaces") is kind_of("Namespace")
    assert kind_at("projectcalico.org", "tiers") is kind_of("Tier")
    assert kind_at("networking.k8s.io", "networkpolicies") is kind_named("knp")
    assert kind_at("projectcalico.org", "networkpolicies") is kind_named("np")
    assert kind_at("projectcalico.org", "namespaces") is None
    assert kind_at("projectcalico.org", "tier") is None


def test_what_is_referred_to_is_applied_first() -> None:
    order = [kind.kind for kind in KINDS]
    assert order.index("Tier") < order.index("GlobalNetworkPolicy") < order.index("WorkloadEndpoint")
    assert order[0] == "Namespace"
