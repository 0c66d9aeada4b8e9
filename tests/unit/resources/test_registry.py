"""What kinds are called."""

import pytest

from dnsguard.resources import KINDS, UnknownKind, kind_at, kind_named, kind_of

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
    ("networksets", "NetworkSet"),
    ("gns", "GlobalNetworkSet"),
    ("hep", "HostEndpoint"),
    ("wep", "WorkloadEndpoint"),
    ("ns", "Namespace"),
    ("profile", "Profile"),
]


@pytest.mark.parametrize(("name", "kind"), NAMES)
def test_names(name: str, kind: str) -> None:
    assert kind_named(name).kind == kind


def test_no_name_means_two_kinds() -> None:
    names = [name for kind in KINDS for name in {kind.kind.lower(), kind.plural, kind.singular, *kind.short_names}]
    assert len(names) == len(set(names))


def test_unknown_kinds_list_the_known_ones() -> None:
    for look_up in (kind_named, kind_of):
        with pytest.raises(UnknownKind, match="NetworkPolicy, HostEndpoint, WorkloadEndpoint"):
            look_up("StagedNetworkPolicy")


def test_kinds_of_objects_are_written_exactly() -> None:
    with pytest.raises(UnknownKind):
        kind_of("networkpolicy")


def test_where_kinds_are_served() -> None:
    assert kind_at("", "namespaces") is kind_of("Namespace")
    assert kind_at("projectcalico.org", "tiers") is kind_of("Tier")
    assert kind_at("projectcalico.org", "namespaces") is None
    assert kind_at("projectcalico.org", "tier") is None


def test_what_is_referred_to_is_applied_first() -> None:
    order = [kind.kind for kind in KINDS]
    assert order.index("Tier") < order.index("GlobalNetworkPolicy") < order.index("WorkloadEndpoint")
    assert order[0] == "Namespace"
