"""Roles with the real ``kubectl``: made by it, asked about by it, and obeyed; what is open ends with its right."""

import json
import re
import shutil
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.system.apiserver import V3, Api, Kubectl

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed"),
    pytest.mark.xdist_group("one API"),
]

TOKENS = "/apis/dnsguard.io/v1/accesstokens"

DOCUMENT = Path(__file__).parents[2] / "deploy" / "api.md"

TIER_ADMIN = next(
    block
    for block in re.findall(r"<<END\n(.*?)^END$", DOCUMENT.read_text(), re.DOTALL | re.MULTILINE)
    if "net-sec.*" in block
)
"""Calico's example, as the document shows it."""

POLICY = """\
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: TIER.web, namespace: shop}
spec: {tier: TIER, selector: all(), types: [Egress], egress: [{action: Allow}]}
"""


@pytest.fixture(scope="module", autouse=True)
def tiers(api: Api) -> None:
    with api.client() as client:
        for name in ("net-sec", "platform"):
            client.post(f"{V3}/tiers", json={"metadata": {"name": name}, "spec": {"order": 1}}).raise_for_status()


def token(api: Api, name: str, **spec: Any) -> str:
    with api.client() as client:
        answer = client.post(TOKENS, json={"metadata": {"name": name}, "spec": spec})
        answer.raise_for_status()
        secret: str = answer.json()["status"]["token"]
        return secret


def test_calicos_tier_admin(api: Api) -> None:
    admin, john = Kubectl(api), Kubectl(api, token(api, "john"))
    assert admin("apply -f -", TIER_ADMIN)[0] == 0
    code, said = john("apply -f -", POLICY.replace("TIER", "net-sec"))
    assert (code, said) == (0, "networkpolicy.projectcalico.org/net-sec.web created\n")
    assert admin("apply -f -", POLICY.replace("TIER", "platform"))[0] == 0
    assert john("get networkpolicies.p -n shop -o name") == (0, "networkpolicy.projectcalico.org/net-sec.web\n")
    assert john("get networkpolicies.p -A -o name") == (0, "networkpolicy.projectcalico.org/net-sec.web\n")
    code, said = john("apply -f -", POLICY.replace("TIER", "platform").replace("all()", "a == 'b'"))
    assert code == 1
    expected = "Error from server (Forbidden): error when retrieving current configuration of:\n"
    assert said.startswith(expected)
    assert (
        'networkpolicies.projectcalico.org "platform.web" is forbidden: User "john" cannot get '
        'networkpolicies.projectcalico.org in tier "platform" and namespace "shop" (user cannot get tier)'
    ) in said
    assert john("delete networkpolicies.p platform.web -n shop")[0] == 1
    assert john('patch networkpolicies.p net-sec.web -n shop --type merge -p {"spec":{"tier":"platform"}}')[0] == 1
    assert john("get tiers.p")[1].endswith('cannot list resource "tiers" in API group "projectcalico.org" '
                                           "at the cluster scope\n")  # fmt: skip
    assert john("get tiers.p net-sec -o name") == (0, "tier.projectcalico.org/net-sec\n")
    assert john("auth can-i create networkpolicies.projectcalico.org -n shop") == (0, "yes\n")
    assert john("auth can-i get networkpolicies.projectcalico.org/platform.web -n shop")[1].startswith("no")
    assert john("auth can-i --list -n shop")[0] == 0
    assert "net-sec.*" in john("auth can-i --list -n shop")[1]
    assert "john" in john("auth whoami")[1]
    assert admin("auth can-i get tiers.projectcalico.org/net-sec --as john")[0] == 0
    assert admin("auth can-i get tiers.projectcalico.org/platform --as john")[0] == 1
    assert john("delete networkpolicies.p net-sec.web -n shop")[0] == 0


def test_kubectls_own_words_make_roles_and_bindings(api: Api) -> None:
    admin, alice = Kubectl(api), Kubectl(api, token(api, "alice"))
    assert admin("create namespace depot")[0] == 0
    done = [
        admin("create role sets -n depot --verb=get,list,create --resource=networksets.projectcalico.org"),
        admin("create rolebinding alice -n depot --role=sets --user=alice"),
        admin("create clusterrole reader --verb=get --non-resource-url=/metrics"),
        admin("create clusterrolebinding alice --clusterrole=reader --user=alice --group=netops"),
    ]
    assert [code for code, _ in done] == [0, 0, 0, 0], done
    assert alice("get networksets -n depot") == (0, "No resources found in depot namespace.\n")
    assert alice("auth can-i create networksets.projectcalico.org -n depot") == (0, "yes\n")
    assert alice("auth can-i delete networksets.projectcalico.org -n depot")[0] == 1
    assert alice("auth can-i create networksets.projectcalico.org -n shop")[0] == 1
    assert alice("auth can-i get /metrics")[0] == 0
    assert alice("auth can-i get /v1/status")[0] == 1
    assert admin("auth can-i * *")[0] == 0
    code, said = alice("create rolebinding more -n depot --clusterrole=edit --user=alice")
    assert (code, "is forbidden: User" in said) == (1, True)
    described = admin("get role sets -n depot -o yaml")[1]
    assert "networksets" in described
    assert admin("delete role,rolebinding --all -n depot")[0] == 0
    assert alice("get networksets -n depot")[0] == 1


@pytest.mark.parametrize("way", ["revoked", "unbound", "changed"])
def test_an_open_watch_ends_with_the_right_to_it(api: Api, way: str) -> None:
    secret = token(api, f"watcher-{way}", groups=[f"watchers-{way}"])
    rbac = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
    bound = {"metadata": {"name": way}, "roleRef": role, "subjects": [{"kind": "Group", "name": f"watchers-{way}"}]}
    with api.client() as client:
        client.post(rbac, json=bound).raise_for_status()
        watching = {"watch": "1", "timeoutSeconds": "3600"}
        opened = threading.Event()
        lines: list[dict[str, Any]] = []

        def watch() -> None:
            own = {"Authorization": f"Bearer {secret}"}
            with api.client() as other, other.stream("GET", f"{V3}/tiers", params=watching, headers=own) as answer:
                for line in answer.iter_lines():
                    lines.append(json.loads(line))
                    opened.set()

        watcher = threading.Thread(target=watch)
        watcher.start()
        assert opened.wait(20)
        if way == "revoked":
            client.delete(f"{TOKENS}/watcher-{way}").raise_for_status()
        elif way == "unbound":
            client.delete(f"{rbac}/{way}").raise_for_status()
        else:
            merge = {"Content-Type": "application/merge-patch+json"}
            spec = {"spec": {"groups": None}}
            client.patch(f"{TOKENS}/watcher-{way}", json=spec, headers=merge).raise_for_status()
        client.post(f"{V3}/tiers", json={"metadata": {"name": f"after-{way}"}}).raise_for_status()
        watcher.join(20)
        assert not watcher.is_alive(), "the server ended it"
        assert f"after-{way}" not in {line["object"]["metadata"]["name"] for line in lines}
        again = client.get(f"{V3}/tiers", headers={"Authorization": f"Bearer {secret}"})
        assert again.status_code == (401 if way == "revoked" else 403)


def test_others_watches_go_on(api: Api) -> None:
    """Roles of one are none of another's business."""
    with (
        api.client() as client,
        client.stream("GET", f"{V3}/tiers", params={"watch": "1", "resourceVersion": newest(client)}) as answer,
    ):
        events = (json.loads(line) for line in answer.iter_lines())
        gone = token(api, "passer-by")
        assert gone
        with api.client() as other:
            other.delete(f"{TOKENS}/passer-by").raise_for_status()
            other.post(f"{V3}/tiers", json={"metadata": {"name": "still"}}).raise_for_status()
        assert next(events)["object"]["metadata"]["name"] == "still"


def newest(client: httpx.Client) -> str:
    version: str = client.get(f"{V3}/tiers").json()["metadata"]["resourceVersion"]
    return version


def test_a_token_that_ends_ends_its_watch(api: Api) -> None:
    ends = (datetime.now(UTC) + timedelta(seconds=3)).isoformat()
    secret = token(api, "brief", expires=ends, groups=["brief"])
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
    bound = {"metadata": {"name": "brief"}, "roleRef": role, "subjects": [{"kind": "User", "name": "brief"}]}
    with api.client() as client:
        client.post("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", json=bound).raise_for_status()
        own = {"Authorization": f"Bearer {secret}"}
        with client.stream("GET", f"{V3}/tiers", params={"watch": "1"}, headers=own) as answer:
            assert answer.status_code == 200
            assert list(answer.iter_lines()), "it began, and it ended by itself"
        refused = client.get(f"{V3}/tiers", headers=own)
        assert (refused.status_code, "expired" in refused.text) == (401, True)


def test_the_log_shows_who_was_refused(api: Api) -> None:
    dave = token(api, "dave")
    with api.client() as client:
        own = {"Authorization": f"Bearer {dave}"}
        assert client.delete(f"{V3}/tiers/net-sec", headers=own).status_code == 403
    records = [json.loads(line) for line in Path(api.folder / "audit.jsonl").read_text().splitlines()]
    refused = [each for each in records if each["user"]["username"] == "dave"]
    assert [(each["verb"], each["responseStatus"]["code"]) for each in refused] == [("delete", 403)]
