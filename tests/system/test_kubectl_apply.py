"""The real ``kubectl``: server-side apply and what others own, patches of each type, and bodies in protobuf."""

import json
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from dnsguard.resources import KINDS
from tests.support.samples import SAMPLES
from tests.system.apiserver import SHOWN_ONCE, Kubectl

pytestmark = [
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed, and not every system has it"),
    pytest.mark.xdist_group("one API"),
]

POLICY = """\
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: web, namespace: NAMESPACE, labels: {app: web}}
spec:
  selector: app == 'web'
  order: 10
  types: [Egress]
  egress:
  - action: Allow
    destination: {domains: [a.example.org]}
"""
WEB = "networkpolicy.projectcalico.org/web"
SPACES: Iterator[str] = (f"space-{number}" for number in range(100))


@pytest.fixture
def space() -> str:
    """A namespace of each test's own."""
    return next(SPACES)


@pytest.fixture
def policy(space: str) -> str:
    return POLICY.replace("NAMESPACE", space)


def shown(kubectl: Kubectl, space: str, name: str = "np/web") -> Any:
    return json.loads(kubectl(f"get {name} -n {space} -o json --show-managed-fields")[1])


def managers(kubectl: Kubectl, space: str) -> list[tuple[str, str]]:
    entries = shown(kubectl, space)["metadata"]["managedFields"]
    return [(entry["manager"], entry["operation"]) for entry in entries]


def test_every_kind_is_applied_on_the_server_and_then_nothing_differs(kubectl: Kubectl) -> None:
    text = yaml.safe_dump_all(SAMPLES[kind.collection] for kind in KINDS)
    every = "".join(
        f"{kind.called(SAMPLES[kind.collection]['metadata']['name'])} serverside-applied\n" for kind in KINDS
    )
    assert kubectl("apply --server-side -f -", text) == (0, every.replace("accesstoken", f"{SHOWN_ONCE}accesstoken"))
    kinds = ",".join(f"{kind.plural}.{kind.version}.{kind.group}" if kind.group else kind.plural for kind in KINDS)
    listing = f"get {kinds} -l made=by-test -o yaml --show-managed-fields"
    once = kubectl(listing)
    assert kubectl("apply --server-side -f -", text) == (0, every)
    assert kubectl(listing) == once
    assert kubectl("diff --server-side -f -", text) == (0, "")
    assert kubectl("delete -f -", text)[0] == 0


def test_conflicts_are_told_forced_and_shared(kubectl: Kubectl, space: str, policy: str) -> None:
    later = policy.replace("order: 10", "order: 20")
    assert kubectl("apply --server-side -f -", policy) == (0, f"{WEB} serverside-applied\n")
    code, said = kubectl("apply --server-side --field-manager=helm -f -", later)
    assert (code, said.splitlines()[0]) == (
        1,
        'error: Apply failed with 1 conflict: conflict with "kubectl": .spec.order',
    )
    assert kubectl("apply --server-side --field-manager=helm --force-conflicts -f -", later)[0] == 0
    assert kubectl("apply --server-side -f -", policy)[0] == 1
    assert kubectl("apply --server-side -f -", later)[0] == 0  # both own it now
    without = later.replace("  order: 20\n", "")
    assert kubectl("apply --server-side -f -", without)[0] == 0
    assert shown(kubectl, space)["spec"]["order"] == 20
    assert kubectl("apply --server-side --field-manager=helm -f -", without)[0] == 0
    assert "order" not in shown(kubectl, space)["spec"]


def test_who_applied_from_the_client_moves_to_the_server_and_back(kubectl: Kubectl, space: str, policy: str) -> None:
    assert kubectl("apply -f -", policy) == (0, f"{WEB} created\n")
    assert managers(kubectl, space) == [("kubectl-client-side-apply", "Update")]
    later = policy.replace("order: 10", "order: 20")
    assert kubectl("apply --server-side -f -", later) == (0, f"{WEB} serverside-applied\n")
    assert managers(kubectl, space) == [("kubectl", "Apply"), ("kubectl-last-applied", "Apply")]
    assert kubectl("diff --server-side -f -", later) == (0, "")
    assert kubectl("apply -f -", later) == (0, f"{WEB} unchanged\n")
    assert kubectl("apply -f -", policy) == (0, f"{WEB} configured\n")
    assert kubectl("apply -f -", policy.replace("  order: 10\n", "")) == (0, f"{WEB} configured\n")
    assert "order" not in shown(kubectl, space)["spec"]


def test_what_would_change_is_shown_and_kept_nowhere(kubectl: Kubectl, space: str, policy: str) -> None:
    assert kubectl("apply --server-side --dry-run=server -f -", policy) == (
        0,
        f"{WEB} serverside-applied (server dry run)\n",
    )
    assert kubectl(f"get np -n {space} -o name") == (0, "")
    assert kubectl("apply --server-side -f -", policy)[0] == 0
    before = shown(kubectl, space)
    code, said = kubectl("diff --server-side -f -", policy.replace("a.example.org", "b.example.org"))
    assert (code, "-      - a.example.org" in said, "+      - b.example.org" in said) == (1, True, True)
    code, said = kubectl("apply --server-side --dry-run=server -f -", policy.replace("a.example.org", "'*'"))
    assert (code, "spec.egress[0].destination.domains[0]" in said) == (1, True)
    for dry in ("create -f -", "replace -f -", "apply -f -"):
        changed = policy.replace("order: 10", "order: 30").replace(
            "name: web", "name: web" if "cr" not in dry else "name: w2"
        )
        assert kubectl(f"{dry} --dry-run=server", changed)[0] == 0
    assert kubectl(f"delete np web -n {space} --dry-run=server")[0] == 0
    assert shown(kubectl, space) == before
    assert kubectl(f"get np -n {space} -o name") == (0, f"{WEB}\n")


def test_what_is_applied_no_longer_is_pruned(kubectl: Kubectl, space: str, policy: str) -> None:
    assert kubectl("apply -f -", policy)[0] == 0
    prune = f"apply --prune -l app=web --prune-allowlist=projectcalico.org/v3/NetworkPolicy -n {space} -f -"
    other = policy.replace("name: web", "name: other")
    assert kubectl(prune, other) == (0, f"networkpolicy.projectcalico.org/other created\n{WEB} pruned\n")


@pytest.mark.parametrize("side", ["", "--server-side "])
def test_unknown_fields_are_refused_or_left_out_with_a_warning(kubectl: Kubectl, policy: str, side: str) -> None:
    mistyped = policy.replace("order: 10", "oder: 10")
    code, said = kubectl(f"apply {side}-f -", mistyped)
    assert (code, "did you mean order?" in said) == (1, True)
    for validate in ("warn", "ignore"):
        code, said = kubectl(f"apply {side}--validate={validate} -f -", mistyped)
        assert (code, said.splitlines()[0]) == (0, 'Warning: unknown field "spec.oder"')


def test_patches_of_each_type(kubectl: Kubectl, space: str, policy: str) -> None:
    assert kubectl("apply -f -", policy)[0] == 0

    def patched(kind: str, patch: Any, flags: str = "") -> tuple[int, Any]:
        words = json.dumps(patch, separators=(",", ":"))
        code, said = kubectl(f"patch np web -n {space} {kind} -p {words} {flags}")
        return code, said if code else shown(kubectl, space)["spec"].get("order")

    assert patched("", {"spec": {"order": 11}}) == (0, 11)
    assert patched("--type=strategic", {"spec": {"order": 12}}) == (0, 12)
    assert patched("--type=merge", {"spec": {"order": None}}) == (0, None)
    assert patched("--type=json", [{"op": "add", "path": "/spec/order", "value": 14}]) == (0, 14)
    code, said = patched("--type=json", [{"op": "test", "path": "/spec/order", "value": 1}])
    assert (code, "/spec/order is not what the test expects" in said) == (1, True)
    assert patched("--type=merge", {"spec": {"order": 15}}, "--dry-run=server") == (0, 14)
    assert kubectl(f"label np web -n {space} a=b") == (0, f"{WEB} labeled\n")
    assert kubectl(f"label np web -n {space} a-") == (0, f"{WEB} unlabeled\n")
    assert kubectl(f"annotate np web -n {space} note=b") == (0, f"{WEB} annotated\n")


def test_kinds_that_kubectl_knows_are_changed_strategically(kubectl: Kubectl, space: str) -> None:
    """It makes such patches itself for the kinds of Kubernetes, with directives."""
    text = f"""\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: db, namespace: {space}, labels: {{a: b, c: d}}}}
spec:
  podSelector: {{matchLabels: {{role: db, tier: back}}}}
  policyTypes: [Ingress]
  ingress: [{{from: [{{podSelector: {{}}}}, {{ipBlock: {{cidr: 192.0.2.0/24}}}}]}}]
"""
    name = "networkpolicy.networking.k8s.io/db"
    assert kubectl("apply -f -", text) == (0, f"{name} created\n")
    less = text.replace(", tier: back", "").replace(", c: d", "").replace("{podSelector: {}}, ", "")
    assert kubectl("apply -f -", less) == (0, f"{name} configured\n")
    value = shown(kubectl, space, "netpol/db")
    assert value["metadata"]["labels"] == {"a": "b"}
    assert value["spec"]["podSelector"] == {"matchLabels": {"role": "db"}}
    assert value["spec"]["ingress"] == [{"from": [{"ipBlock": {"cidr": "192.0.2.0/24"}}]}]
    patch = '{"metadata":{"labels":{"$patch":"replace","x":"y"}}}'
    assert kubectl(f"patch netpol db -n {space} -p {patch}") == (0, f"{name} patched\n")
    assert shown(kubectl, space, "netpol/db")["metadata"]["labels"] == {"x": "y"}


def test_what_kubectl_makes_itself_it_sends_as_protobuf(kubectl: Kubectl, space: str) -> None:
    made = [
        (f"create namespace {space}", f"namespace/{space}"),
        (f"create role r --verb=get,list --resource=networksets -n {space}", "role.rbac.authorization.k8s.io/r"),
        (
            f"create rolebinding b --role=r --user=bob --group=ops -n {space}",
            "rolebinding.rbac.authorization.k8s.io/b",
        ),
        (
            f"create clusterrole {space} --verb=get --non-resource-url=/metrics",
            f"clusterrole.rbac.authorization.k8s.io/{space}",
        ),
        (
            f"create clusterrolebinding {space} --clusterrole={space} --user=bob",
            f"clusterrolebinding.rbac.authorization.k8s.io/{space}",
        ),
    ]
    for command, name in made:
        assert kubectl(f"{command} --dry-run=server") == (0, f"{name} created (server dry run)\n")
        assert kubectl(command) == (0, f"{name} created\n")
        code, said = kubectl(command)
        assert (code, "AlreadyExists" in said or "already exists" in said or "exists already" in said) == (1, True)
    binding = shown(kubectl, space, "rolebinding/b")
    group = "rbac.authorization.k8s.io"
    assert binding["roleRef"] == {"apiGroup": group, "kind": "Role", "name": "r"}
    assert binding["subjects"] == [
        {"apiGroup": group, "kind": "User", "name": "bob"},
        {"apiGroup": group, "kind": "Group", "name": "ops"},
    ]
    assert kubectl(f"auth can-i get networksets -n {space}") == (0, "yes\n")


def test_names_are_made_and_deletions_waited_for(kubectl: Kubectl, space: str, policy: str) -> None:
    code, said = kubectl("create -f -", policy.replace("name: web", "generateName: web-"))
    assert (code, said.startswith(f"{WEB}-"), said.endswith(" created\n")) == (0, True, True)
    assert kubectl(f"delete np --all -n {space} --wait --cascade=foreground --timeout=20s")[0] == 0
    assert kubectl(f"get np -n {space} -o name") == (0, "")
    assert kubectl("replace -f -", policy)[0] == 1  # it replaces what is there, and makes nothing
    assert kubectl("replace --force -f -", policy)[0] == 0


def test_what_others_changed_meanwhile_is_not_overwritten(kubectl: Kubectl, space: str, policy: str) -> None:
    assert kubectl("apply -f -", policy)[0] == 0
    old = kubectl(f"get np web -n {space} -o yaml")[1]
    assert kubectl(f"label np web -n {space} by=other")[0] == 0
    code, said = kubectl("replace -f -", old)
    assert (code, "Conflict" in said) == (1, True)
    assert kubectl(f"label np web -n {space} by=me --overwrite --resource-version=1")[0] == 1
    assert shown(kubectl, space)["metadata"]["labels"]["by"] == "other"
