"""``kubectl`` tells what there is and what it means: explain, api-resources, api-versions, version."""

import shutil

import pytest

from dnsguard.resources import KINDS, Kind
from tests.system.apiserver import Kubectl

pytestmark = [
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed, and not every system has it"),
    pytest.mark.xdist_group("one API"),
]


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("networkpolicy.spec.egress.destination.domains", ["domains <[]string>", "one or more whole components"]),
        ("gnp.spec.egress.action", ["action <string>", "ENUM: Allow Deny Log Pass"]),
        ("np.spec.egress.destination.ports", ["ports <[]IntOrString>", "1000:2000"]),
        ("np.spec", ["FIELD: spec <PolicySpec>", "egress <[]EgressRule>", "lower runs first"]),
        ("np.metadata.labels", ["labels <map[string]string>"]),
        ("netset.status.conditions.lastTransitionTime", ["<string>", "When it turned."]),
        ("felixconfig.spec.dnsCacheFile", ["It has no effect: dnsguard keeps what it learned"]),
        ("netpol.spec.podSelector.matchExpressions", ["<[]LabelSelectorRequirement>"]),
    ],
)
def test_a_field_is_explained(kubectl: Kubectl, field: str, said: list[str]) -> None:
    code, output = kubectl(f"explain {field}")
    assert code == 0, output
    for text in said:
        assert text in " ".join(output.split()), output


@pytest.mark.parametrize("kind", {kind.api_version: kind for kind in KINDS}.values(), ids=lambda kind: kind.collection)
def test_a_kind_of_each_group_is_explained_as_a_whole(kubectl: Kubectl, kind: Kind) -> None:
    name = f"{kind.plural} --api-version={kind.api_version}"
    code, output = kubectl(f"explain {name} --recursive")
    assert code == 0, output
    assert f"KIND:       {kind.kind}" in output
    assert "resourceVersion" in output


def test_what_there_is(kubectl: Kubectl) -> None:
    code, output = kubectl("api-resources -o wide")
    assert code == 0, output
    rows = {(row[0], row[-1]) for row in (line.split() for line in output.splitlines())}
    assert ("networksets", "all,calico") in rows
    assert {row[0] for row in rows} >= {kind.plural for kind in KINDS}
    code, output = kubectl("api-versions")
    assert (code, {kind.api_version for kind in KINDS} <= set(output.split())) == (0, True)
    code, output = kubectl("version")
    assert (code, "Server Version: v1.32.0+dnsguard" in output) == (0, True)
    assert kubectl("get calico")[0] == 0


@pytest.mark.parametrize("validate", ["strict", "warn", "ignore"])
def test_an_object_is_validated_by_the_server_alone(kubectl: Kubectl, validate: str) -> None:
    manifest = f"""
apiVersion: projectcalico.org/v3
kind: NetworkSet
metadata: {{name: checked-{validate}}}
spec: {{allowedEgressDomains: [a.example]}}
"""
    code, output = kubectl(f"create --validate={validate} -f -", manifest)
    assert (code, output.strip()) == (0, f"networkset.projectcalico.org/checked-{validate} created")


def test_a_typing_error_is_named(kubectl: Kubectl) -> None:
    manifest = "apiVersion: projectcalico.org/v3\nkind: NetworkSet\nmetadata: {name: a}\nspec: {net: []}"
    code, output = kubectl("create -f -", manifest)
    assert (code, "spec.net: unknown field; did you mean nets?" in output) == (1, True), output
