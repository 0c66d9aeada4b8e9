"""``kubectl get`` in every way in which people read: tables, wide, watched, chosen, sorted, in pages."""

import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest
import yaml

from tests.system.apiserver import Api, Kubectl, certified, program, start

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed, and not every system has it"),
    pytest.mark.xdist_group("kubectl reading"),
]

POLICY = """\
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {{name: {name}, namespace: {namespace}, labels: {{team: {team}}}}}
spec: {{order: {order}, selector: app == 'web', types: [Egress], egress: [{{action: Allow}}]}}
"""
ROWS = [("cc", "shop", "red", 3), ("aa", "shop", "blue", 1), ("bb", "shop", "red", 2), ("dd", "ops", "blue", 4)]
MANIFESTS = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\n" + "---\n".join(
    POLICY.format(name=name, namespace=namespace, team=team, order=order) for name, namespace, team, order in ROWS
)
HEADER = ["NAME", "TIER", "ORDER", "TYPES", "SELECTOR", "ENFORCED", "AGE"]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    server = start(certified(tmp_path_factory.mktemp("api")))
    yield server
    server.kill()


@pytest.fixture(scope="module")
def kubectl(api: Api) -> Kubectl:
    tool = Kubectl(api)
    assert tool("apply -f -", MANIFESTS)[0] == 0
    return tool


def table(kubectl: Kubectl, arguments: str) -> list[list[str]]:
    """The lines of a table, their columns apart."""
    code, out = kubectl(arguments)
    assert code == 0, out
    return [[cell for cell in line.split("  ") if cell] for line in out.splitlines()]


def names(kubectl: Kubectl, arguments: str) -> str:
    return "".join(line[0] for line in table(kubectl, f"{arguments} --no-headers"))


def test_a_table_has_the_columns_of_the_kind(kubectl: Kubectl) -> None:
    header, *rows = [[cell.strip() for cell in line] for line in table(kubectl, "get np -n shop")]
    assert header == HEADER
    assert [row[:6] for row in rows] == [
        [name, "default", str(order), "Egress", "app == 'web'", "-"]
        for name, order in (("aa", 1), ("bb", 2), ("cc", 3))
    ]
    assert [[cell.strip() for cell in line][:3] for line in table(kubectl, "get np aa -n shop")] == [
        header[:3],
        ["aa", "default", "1"],
    ]


def test_more_is_shown_to_who_asks(kubectl: Kubectl) -> None:
    header, row = ([cell.strip() for cell in line] for line in table(kubectl, "get np -n ops -o wide"))
    assert header == ["NAME", "TIER", "ORDER", "TYPES", "SELECTOR", "INGRESS", "EGRESS", "ENFORCED", "AGE"]
    assert row[5:8] == ["0", "1", "-"]
    header, row = ([cell.strip() for cell in line] for line in table(kubectl, "get np -n ops -o wide --show-labels"))
    assert (header.count("LABELS"), header[-1], "team=blue" in row[-1]) == (1, "LABELS", True)
    assert [line[0].strip() for line in table(kubectl, "get np -A")] == ["NAMESPACE", "ops", "shop", "shop", "shop"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("-n shop", "aabbcc"),
        ("-n shop -l team=red", "bbcc"),
        ("-n shop -l team!=red,team", "aa"),
        ("-n shop -l team=red --chunk-size=1", "bbcc"),
        ("-n shop --chunk-size=2", "aabbcc"),
        ("-n shop --field-selector metadata.name=bb", "bb"),
        ("-n shop --field-selector metadata.name!=bb,spec.tier=default", "aacc"),
        ("-n shop --sort-by=.spec.order", "aabbcc"),
        ("-n shop --sort-by=.metadata.labels.team", "aabbcc"),
        ("-n shop --sort-by=.spec.order --chunk-size=1", "aabbcc"),
    ],
)
def test_what_is_chosen_in_which_order(kubectl: Kubectl, arguments: str, expected: str) -> None:
    assert names(kubectl, f"get np {arguments}") == expected


def test_pages_of_all_namespaces_are_one_list(kubectl: Kubectl) -> None:
    code, out = kubectl("get np -A --chunk-size=2 -o yaml")
    assert (code, [item["metadata"]["name"] for item in yaml.safe_load(out)["items"]]) == (0, ["dd", "aa", "bb", "cc"])
    assert kubectl("get np -A --chunk-size=1")[1].count("NAMESPACE") == 1


def test_what_cannot_be_read_is_said(kubectl: Kubectl) -> None:
    code, said = kubectl("get np -n shop --field-selector spec.order=1")
    assert (code, "field label not supported" in said) == (1, True)
    code, said = kubectl("get np -n shop nobody")
    assert (code, said) == (1, "Error from server (NotFound): networkpolicies/shop/nobody does not exist\n")
    assert kubectl("get np -n nowhere") == (0, "No resources found in nowhere namespace.\n")


def test_a_watch_shows_rows_as_things_change(api: Api, kubectl: Kubectl) -> None:
    command = [program("kubectl"), "get", "np", "-n", "shop", "-w", "-l", "team=green"]
    environment = {**os.environ, "HOME": str(api.folder), "KUBECONFIG": str(api.folder / "kubeconfig")}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        text = POLICY.format(name="ee", namespace="shop", team="green", order=9)
        assert kubectl("apply -f -", text)[0] == 0
        header, first = (watching.stdout.readline().split() for _ in range(2))
        assert kubectl("apply -f -", text.replace("order: 9", "order: 8"))[0] == 0
        second = watching.stdout.readline().split()
        assert kubectl("delete np ee -n shop")[0] == 0
        third = watching.stdout.readline().split()
        watching.terminate()
    assert header == HEADER
    assert [line[:3] for line in (first, second, third)] == [
        ["ee", "default", "9"],
        ["ee", "default", "8"],
        ["ee", "default", "8"],
    ]


def test_metadata_can_be_asked_for_alone(api: Api, kubectl: Kubectl) -> None:
    accept = {"Accept": "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"}
    with api.client() as client:
        listed = client.get("/apis/projectcalico.org/v3/networkpolicies", headers=accept).json()
    assert [item["metadata"]["name"] for item in listed["items"]] == ["dd", "aa", "bb", "cc"]
    assert kubectl("get np -n ops -o custom-columns=N:.metadata.name --no-headers") == (0, "dd\n")
