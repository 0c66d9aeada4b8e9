"""Every verb of the real ``kubectl``, against the real controller, with the kubeconfig that dnsguard writes: what it
prints and how it ends."""

import json
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conformance import data_files
from tests.support.lab.guard import PROGRAM
from tests.support.netns import namespace
from tests.system.controller import Controller

pytestmark = [
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed, and not every system has it"),
    pytest.mark.xdist_group("kubectl verbs"),
    pytest.mark.timeout(300),
]

EXAMPLES = Path(__file__).parents[2] / "deploy" / "examples"

MANIFESTS = """
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {env: prod}}
---
apiVersion: projectcalico.org/v3
kind: Tier
metadata: {name: security}
spec: {order: 100}
---
apiVersion: projectcalico.org/v3
kind: NetworkSet
metadata: {name: partners, namespace: shop, labels: {role: partner}}
spec:
  nets: [198.51.100.0/24]
  allowedEgressDomains: ["*.example.org"]
---
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: allow-web, namespace: shop}
spec:
  selector: app == 'web'
  types: [Egress]
  egress:
  - action: Allow
    protocol: TCP
    destination: {domains: ["api.example.org"], ports: [443]}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: security.partners}
spec:
  tier: security
  namespaceSelector: all()
  types: [Egress]
  egress:
  - action: Allow
    destination: {selector: role == 'partner'}
"""
NAMES = (
    "namespace/shop",
    "tier.projectcalico.org/security",
    "networkset.projectcalico.org/partners",
    "networkpolicy.projectcalico.org/allow-web",
    "globalnetworkpolicy.projectcalico.org/security.partners",
)


class Kubectl:
    """The real one, with what ``dnsguard kubeconfig`` wrote."""

    def __init__(self, controller: Controller, folder: Path) -> None:
        self.folder = folder
        config = folder / "kubeconfig"
        words: list[str | Path] = [
            "kubeconfig",
            "--state-dir",
            controller.directory / "state",
            "--server",
            "https://127.0.0.1:18053",
        ]
        subprocess.run([PROGRAM, *words, "--into", config], check=True, capture_output=True)
        assert stat.S_IMODE(config.stat().st_mode) == 0o600
        self.environment = {**os.environ, "HOME": str(folder), "KUBECONFIG": str(config)}

    def __call__(self, arguments: str, *more: str, stdin: str = "", code: int = 0, **environment: str) -> str:
        """What it prints; it ends with ``code``."""
        done = subprocess.run(
            ["kubectl", *arguments.split(), *more],
            input=stdin,
            env={**self.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, f"kubectl {arguments} ended with {done.returncode}: {done.stdout}"
        return done.stdout

    def json(self, arguments: str, *more: str, **options: Any) -> Any:
        return json.loads(self(f"{arguments} -o json", *more, **options))

    def start(self, arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["kubectl", *arguments.split()], env=self.environment, stdout=subprocess.PIPE, text=True
        )


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    folder = tmp_path_factory.mktemp("kubectl")
    with namespace() as node, node.entered():
        controller = Controller(node, folder)
        try:
            controller.start()
            controller.until_in_sync()
            yield Kubectl(controller, folder)
        finally:
            controller.close()


@pytest.fixture
def applied(kubectl: Kubectl) -> Iterator[Kubectl]:
    """With the manifests, which are gone afterwards."""
    kubectl("apply -f -", stdin=MANIFESTS)
    yield kubectl
    kubectl("delete networkpolicies.projectcalico.org,networksets --all -n shop --wait=false")
    # in this order: a tier goes when nothing is in it any more
    kubectl("delete gnp/security.partners tier/security namespace/shop --wait=false")


def global_set(metadata: str, spec: str) -> str:
    return f"apiVersion: projectcalico.org/v3\nkind: GlobalNetworkSet\nmetadata: {metadata}\nspec: {spec}\n"


def lines(names: tuple[str, ...], verb: str) -> str:
    return "".join(f"{name} {verb}\n" for name in names)


def test_apply_diff_delete(kubectl: Kubectl) -> None:
    changed = MANIFESTS.replace("443", "8443").replace("order: 100", "order: 200").replace("198.51.100", "203.0.113")
    changed = changed.replace("env: prod", "env: dev").replace("role == 'partner'", "role == 'friend'")
    kubectl("create -f -", stdin=MANIFESTS.split("---")[1])  # what is in a tier can be tried once that is there
    assert kubectl("diff -f -", stdin=MANIFESTS, code=1).count("\n+") > 30
    tried = kubectl("apply -f - --dry-run=server", stdin=MANIFESTS).splitlines()
    assert [line.split(" ", 1)[1] for line in tried if "tier." not in line and line.startswith(NAMES)] == [
        "created (server dry run)"
    ] * 4
    assert "NotFound" in kubectl("get namespace shop", code=1)
    kubectl("delete tier security")
    assert kubectl("apply -f -", stdin=MANIFESTS) == lines(NAMES, "created")
    versions = kubectl("get -f - -o jsonpath={.items[*].metadata.resourceVersion}", stdin=MANIFESTS)
    assert kubectl("apply -f -", stdin=MANIFESTS) == lines(NAMES, "unchanged")
    assert kubectl("get -f - -o jsonpath={.items[*].metadata.resourceVersion}", stdin=MANIFESTS) == versions
    assert kubectl("diff -f -", stdin=MANIFESTS) == ""
    differs = kubectl("diff -f -", stdin=changed, code=1)
    assert "-      - 443\n+      - 8443\n" in differs
    assert kubectl("apply -f -", stdin=changed) == lines(NAMES, "configured")
    assert kubectl("replace -f -", stdin=MANIFESTS) == lines(NAMES, "replaced")
    assert "must be" in kubectl("apply -f -", stdin=MANIFESTS.replace("order: 100", "order: x"), code=1)
    # the tier goes before the policy that is in it, so only that is left for the second time
    assert "security.partners" in kubectl("delete -f - --wait=false", stdin=MANIFESTS, code=1)
    assert kubectl("delete -f - --ignore-not-found --wait=false", stdin=MANIFESTS).count("deleted") >= 1
    assert kubectl("get gnp,netsets -A -o name") == ""


def test_get(applied: Kubectl) -> None:
    kubectl = applied
    value = yaml.safe_load(kubectl("get netset partners -n shop -o yaml"))
    assert value["spec"]["nets"] == ["198.51.100.0/24"]
    assert kubectl.json("get gnp,tiers")["kind"] == "List"
    assert kubectl("get netset partners -n shop -o jsonpath={.spec.nets[0]}") == "198.51.100.0/24"
    assert kubectl("get netset partners -n shop -o go-template={{.metadata.name}}") == "partners"
    assert kubectl("get netsets -n shop -o custom-columns=N:.metadata.name,R:.metadata.labels.role").split() == [
        "N", "R", "partners", "partner",
    ]  # fmt: skip
    assert kubectl("get netsets -A -o name") == "networkset.projectcalico.org/partners\n"
    raw = json.loads(kubectl("get --raw /apis/projectcalico.org/v3/tiers/security"))
    assert raw["spec"]["order"] == 100
    assert "NotFound" in kubectl("get tier nothing", code=1)
    assert "the server doesn't have a resource type" in kubectl("get nonsense", code=1)
    assert kubectl("get tier nothing --ignore-not-found") == ""
    described = kubectl("describe netset partners -n shop")
    assert "198.51.100.0/24" in described


def test_lists_in_pages(kubectl: Kubectl) -> None:
    sets = (global_set(f"{{name: page-{number:02}}}", "{nets: [192.0.2.0/24]}") for number in range(25))
    kubectl("create -f -", stdin="---\n".join(sets))
    said = kubectl("get gns --chunk-size=10 -o name -v=6")
    assert said.count("limit=10") == 3
    assert [line for line in said.splitlines() if line.startswith("globalnetworkset")] == [
        f"globalnetworkset.projectcalico.org/page-{number:02}" for number in range(25)
    ]
    kubectl("delete gns --all")


def test_create_edit_patch_label_annotate(applied: Kubectl) -> None:
    kubectl = applied
    again = kubectl("create -f -", stdin=MANIFESTS.split("---")[1], code=1)
    assert "AlreadyExists" in again
    assert kubectl("create namespace other") == "namespace/other created\n"
    assert kubectl("create namespace other --dry-run=client -o name") == "namespace/other\n"
    kubectl("delete namespace other --wait=false")
    generated = global_set("{generateName: made-}", "{nets: [192.0.2.0/24]}")
    name = kubectl("create -f - -o name", stdin=generated).strip()
    assert name.startswith("globalnetworkset.projectcalico.org/made-")
    assert kubectl(f"delete {name}") == f'globalnetworkset.projectcalico.org "{name.partition("/")[2]}" deleted\n'

    edited = "networkset.projectcalico.org/partners edited\n"
    editor = "sed -i s/198.51.100.0/203.0.113.0/"
    assert kubectl("edit netset partners -n shop", KUBE_EDITOR=editor) == edited
    assert kubectl("get netset partners -n shop -o jsonpath={.spec.nets[0]}") == "203.0.113.0/24"
    assert "no changes made" in kubectl("edit netset partners -n shop", KUBE_EDITOR="true")
    wrong = kubectl("edit netset partners -n shop", code=1, KUBE_EDITOR="sed -i s/203.0.113.0.24/nonsense/")
    assert 'networksets.projectcalico.org "partners" is invalid' in wrong
    assert kubectl("get netset partners -n shop -o jsonpath={.spec.nets[0]}") == "203.0.113.0/24"

    patched = "networkset.projectcalico.org/partners patched\n"
    place = "patch netset partners -n shop"
    assert kubectl(f"{place} -p", '{"spec":{"nets":["192.0.2.1/32"]}}', "--type=merge") == patched
    step = '[{"op":"add","path":"/spec/nets/-","value":"2001:db8::/32"}]'
    assert kubectl(f"{place} --type=json -p", step) == patched
    assert kubectl(f"{place} --type=strategic -p", '{"metadata":{"labels":{"team":"a"}}}') == patched
    assert kubectl(f"{place} --type=merge -p", '{"metadata":{"labels":{"team":"a"}}}') == patched.replace(
        "patched", "patched (no change)"
    )
    found = kubectl.json("get netset partners -n shop")
    assert found["spec"]["nets"] == ["192.0.2.1/32", "2001:db8::/32"]
    assert found["metadata"]["labels"] == {"role": "partner", "team": "a"}
    assert "nets[0]" in kubectl(f"{place} --type=merge -p", '{"spec":{"nets":["x"]}}', code=1)
    assert "is invalid" in kubectl(
        f"{place} --type=json -p", '[{"op":"test","path":"/spec/nets/0","value":"x"}]', code=1
    )

    assert kubectl("label netset partners -n shop team=b", code=1).startswith("error: 'team' already has a value (a)")
    assert (
        kubectl("label netset partners -n shop team=b --overwrite") == "networkset.projectcalico.org/partners labeled\n"
    )
    assert kubectl("label netset partners -n shop team-") == "networkset.projectcalico.org/partners unlabeled\n"
    assert kubectl("annotate netsets --all -n shop note=x") == "networkset.projectcalico.org/partners annotated\n"
    assert kubectl("get netset partners -n shop -o jsonpath={.metadata.annotations.note}") == "x"
    assert kubectl("set image netset/partners a=b -n shop", code=1) != ""


def test_watch_and_wait(applied: Kubectl) -> None:
    kubectl = applied
    assert kubectl("wait --for=condition=Enforced gnp/security.partners --timeout=20s") == (
        "globalnetworkpolicy.projectcalico.org/security.partners condition met\n"
    )
    assert kubectl("wait --for=jsonpath={.spec.order}=100 tier/security --timeout=20s").endswith("condition met\n")
    assert "timed out waiting" in kubectl("wait --for=condition=Nonsense tier/security --timeout=1s", code=1)
    with kubectl.start("get netsets -n shop -w -o name") as watching:
        assert watching.stdout is not None
        assert watching.stdout.readline() == "networkset.projectcalico.org/partners\n"
        kubectl("label netset partners -n shop seen=yes")
        assert watching.stdout.readline() == "networkset.projectcalico.org/partners\n"
        watching.terminate()
    with kubectl.start("get netsets -n shop --watch-only --output-watch-events -o name") as watching:
        assert watching.stdout is not None
        # it says nothing when it begins: each change is seen or came before
        waiting = kubectl.start("wait --for=delete netset/partners -n shop --timeout=20s")
        kubectl("delete netset partners -n shop")
        assert waiting.wait(30) == 0
        watching.terminate()
    assert waiting.stdout is not None
    waiting.stdout.close()


def test_what_is_there(kubectl: Kubectl) -> None:
    served = kubectl("api-resources --no-headers").splitlines()
    named = {line.split()[0]: line for line in served}
    for plural, short in (
        ("globalnetworkpolicies", "gnp"),
        ("networksets", "netset"),
        ("globalnetworksets", "gns"),
        ("hostendpoints", "hep"),
        ("workloadendpoints", "wep"),
    ):
        assert short in named[plural].split()[1].split(","), named[plural]
    assert 'field "nonsense" does not exist' in kubectl("explain tier.nonsense", code=1)
    assert kubectl("auth can-i create networksets -n shop") == "yes\n"
    assert kubectl("auth can-i get /v1/status") == "yes\n"
    assert "system:masters" in kubectl("auth whoami")
    assert "*.*" in kubectl("auth can-i --list")


def seeds() -> str:
    """The manifests of every example and of every documented case; of those that share a name the last. Tiers first."""
    texts = [file.read_text() for file in sorted(EXAMPLES.glob("*.yaml"))]
    texts += [data_files.load(name)["manifests"] or "" for name in data_files.case_files()]
    found: dict[tuple[str, str, str], Any] = {}
    for text in texts:
        for value in filter(None, yaml.safe_load_all(text)):
            metadata = value["metadata"]
            found[value["kind"], metadata.get("namespace", ""), metadata["name"]] = value
    return yaml.safe_dump_all(sorted(found.values(), key=lambda value: value["kind"] != "Tier"))


def test_every_seed_is_applied_differs_in_nothing_and_stays_as_it_is(kubectl: Kubectl, soak: float) -> None:
    manifests = seeds()
    count = manifests.count("\nkind: ")
    assert count > 30
    versions = "get -f - -o jsonpath={range.items[*]}{.kind}/{.metadata.name}={.metadata.resourceVersion};{end}"
    applied = kubectl("apply -f -", stdin=manifests)
    assert sum(line.endswith((" created", " configured")) for line in applied.splitlines()) == count
    before = kubectl(versions, stdin=manifests)
    assert before.count(";") == count
    differs = kubectl("diff -f -", stdin=manifests).splitlines()
    assert [line for line in differs if not line.startswith("Warning: ")] == []
    again = [line for line in kubectl("apply -f -", stdin=manifests).splitlines() if not line.startswith("Warning: ")]
    # Ports written as texts, and a key in another case, are kept as Calico writes them: kubectl sends them anew.
    assert {line.split()[0].partition("/")[2] for line in again if not line.endswith(" unchanged")} == {
        "application.app2-svc3-egress",
        "security.egress-dev1",
        "default",
    }
    assert kubectl(versions, stdin=manifests) == before
    if not soak:
        return  # a sample of each kind is applied on the server in `test_kubectl_apply.py`
    kubectl("apply --server-side --force-conflicts -f -", stdin=manifests)
    once = kubectl(versions, stdin=manifests)
    kubectl("apply --server-side -f -", stdin=manifests)
    assert kubectl(versions, stdin=manifests) == once
