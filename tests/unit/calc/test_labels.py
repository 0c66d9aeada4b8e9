"""What selectors see of an object."""

import pytest

from dnsguard.calc.labels import automatic_labels, effective_labels, namespace_labels
from dnsguard.resources import GlobalNetworkSet, HostEndpoint, NetworkSet, Resource, WorkloadEndpoint
from tests.unit.calc.builders import global_network_set, host, network_set, workload

NS = "projectcalico.org/namespace"
AS_A_SET = {"projectcalico.org/name": "partners", "projectcalico.org/kind": "NetworkSet"}


@pytest.mark.parametrize(
    ("resource", "inherited", "expected"),
    [
        (workload("w", labels={"app": "x"}), [], {"app": "x", NS: "shop"}),
        (workload("w", labels={NS: "prod"}), [], {NS: "shop"}),
        (workload("w", labels={"pcns.env": "prod", "pcsa.a": "b"}), [], {NS: "shop"}),
        (workload("w", labels={"a": "own"}), [{"a": "1", "b": "1"}, {"b": "2", "c": "2"}],
         {"a": "own", "b": "1", "c": "2", NS: "shop"}),
        (workload("w"), [{NS: "prod"}], {NS: "shop"}),
        (
            workload("w", orchestrator="k8s", serviceAccountName="robot"),
            [],
            {NS: "shop", "projectcalico.org/orchestrator": "k8s", "projectcalico.org/serviceaccount": "robot"},
        ),
        (workload("w", labels={"projectcalico.org/serviceaccount": "robot"}), [], {NS: "shop"}),
        (workload("w", labels=AS_A_SET), [], {NS: "shop"}),
        (workload("w"), [AS_A_SET], {NS: "shop"}),
        (host("h", labels=AS_A_SET), [AS_A_SET], {}),
        (network_set("n", labels={"projectcalico.org/serviceaccount": "robot"}), [],
         {NS: "shop", "projectcalico.org/name": "n", "projectcalico.org/kind": "NetworkSet"}),
        (host("h", labels={"a": "b"}), [{"c": "d"}], {"a": "b", "c": "d"}),
        (host("h"), [{NS: "shop", "c": "d"}], {"c": "d"}),
        (
            network_set("n", labels={"pcns.env": "prod", "a": "b"}),
            [{"pcns.env": "test"}],
            {"a": "b", "pcns.env": "test", NS: "shop", "projectcalico.org/name": "n",
             "projectcalico.org/kind": "NetworkSet"},
        ),
        (
            global_network_set("g", labels={"projectcalico.org/name": "other"}),
            [],
            {"projectcalico.org/name": "g", "projectcalico.org/kind": "NetworkSet"},
        ),
    ],
)  # fmt: skip
def test_effective_labels(resource: Resource, inherited: list[dict[str, str]], expected: dict[str, str]) -> None:
    assert isinstance(resource, WorkloadEndpoint | HostEndpoint | NetworkSet | GlobalNetworkSet)
    assert effective_labels(resource, inherited) == expected
    assert automatic_labels(resource).items() <= expected.items()


def test_a_namespace_gives_its_labels_and_its_name() -> None:
    assert namespace_labels("shop", {"env": "prod", "projectcalico.org/name": "other"}) == {
        "pcns.env": "prod",
        "pcns.projectcalico.org/name": "shop",
        "pcns.kubernetes.io/metadata.name": "shop",
    }
