"""`dnsguard` as people and pipelines run it: processes of their own, over TLS, many at once, and with few rights."""

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.system.apiserver import TOKEN, V3, Api

pytestmark = [pytest.mark.soak, pytest.mark.xdist_group("one API")]

Command = Callable[..., tuple[int, str, str]]
SETS = f"{V3}/namespaces/shop/networksets"


@pytest.fixture
def run(api: Api) -> Command:
    def command(*words: str, token: str = TOKEN) -> tuple[int, str, str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DNSGUARD_")}
        environment |= {
            "DNSGUARD_SERVER": api.url,
            "DNSGUARD_TOKEN": token,
            "DNSGUARD_CERTIFICATE_AUTHORITY": str(api.folder / "cert.pem"),
        }
        done = subprocess.run(
            [sys.executable, "-m", "dnsguard", *words],
            env=environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    return command


def test_many_change_one_set_at_once_and_none_is_lost(api: Api, run: Command) -> None:
    with api.client() as client:
        nets = [f"10.{number >> 8}.{number & 255}.0/24" for number in range(3_000)]
        value = {"metadata": {"name": "busy"}, "spec": {"nets": nets, "allowedEgressDomains": ["old.example.org"]}}
        assert client.post(SETS, json=value).status_code == 201
    with ThreadPoolExecutor(7) as pool:
        adding = [
            pool.submit(
                run, "allow", f"w{number}.example.org", f"192.0.2.{number}", "--set", "busy", "-n", "shop", "-q"
            )
            for number in range(6)
        ]
        removing = pool.submit(run, "disallow", "old.example.org", "--set", "busy", "-n", "shop", "-q")
        assert {future.result()[0] for future in (*adding, removing)} == {0}
    with api.client() as client:
        spec = client.get(f"{SETS}/busy").json()["spec"]
    assert spec["nets"][:3_000] == nets
    assert sorted(spec["nets"][3_000:]) == sorted(f"192.0.2.{number}/32" for number in range(6))
    assert sorted(spec["allowedEgressDomains"]) == sorted(f"w{number}.example.org" for number in range(6))


def test_who_may_not_is_told_apart_from_what_is_not_there(api: Api, run: Command, tmp_path: Path) -> None:
    role = tmp_path / "role.yaml"
    role.write_text(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: reader}\n"
        "rules: [{apiGroups: [projectcalico.org], resources: [networksets], verbs: [get, list, watch]}]\n"
    )
    assert run("apply", "-f", str(role))[0] == 0
    with api.client() as client:
        client.post(SETS, json={"metadata": {"name": "closed"}})
    code, token, err = run("token", "create", "reader", "--role", "reader", "-n", "shop")
    assert code == 0, err
    assert run("get", "networkset", "closed", "-n", "shop", "-o", "name", token=token.strip())[:2] == (
        0,
        "networkset.projectcalico.org/closed\n",
    )
    for words, exit_code in [
        (("allow", "a.example.org", "--set", "closed", "-n", "shop"), 5),
        (("get", "networksets", "-n", "other"), 5),
        (("get", "networkset", "nosuch", "-n", "shop"), 1),
        (("apply", "-f", str(role)), 5),
        (("allow", "a..b", "--set", "closed", "-n", "shop"), 5),
    ]:
        assert run(*words, token=token.strip())[0] == exit_code, words
    assert run("get", "networksets", "-n", "shop", token="wrong")[0] == 5
    with api.client() as client:
        assert client.get(f"{SETS}/closed").json().get("spec", {}) == {}


def test_a_pipeline_prunes_what_its_rights_are_for(run: Command, tmp_path: Path) -> None:
    role, sets = tmp_path / "role.yaml", tmp_path / "sets.yaml"
    role.write_text(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: sets}\n"
        "rules: [{apiGroups: [projectcalico.org], resources: [networksets], verbs: ['*']}]\n"
    )
    one = "apiVersion: projectcalico.org/v3\nkind: NetworkSet\nmetadata: {name: %s, namespace: ci}\n"
    assert run("apply", "-f", str(role))[0] == 0
    token = run("token", "create", "pipeline", "--role", "sets", "-n", "ci")[1].strip()
    words = ("apply", "-f", str(sets), "--applyset", "ci", "--prune")
    sets.write_text(f"{one % 'first'}---\n{one % 'second'}")
    assert run(*words, token=token)[0] == 0
    sets.write_text(one % "second")
    code, out, err = run(*words, token=token)
    assert (code, out.splitlines()[-1]) == (0, "networkset.projectcalico.org/first pruned")
    assert "warning: nothing of these is pruned, since you may not list them: " in err
    assert " networksets" not in err
