"""The status of objects against a real controller and the real kernel, as the real ``kubectl`` sees it."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.localapi import local_client
from tests.system.controller import API, Controller, controller_in

pytestmark = [
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed, and not every system has it"),
    pytest.mark.xdist_group("object status"),
]

POLICIES = "/apis/projectcalico.org/v3/namespaces/shop/networkpolicies"
ENDPOINTS = "/apis/projectcalico.org/v3/namespaces/shop/workloadendpoints"
NAME = "networkpolicies.projectcalico.org/names"
MANIFEST = """
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: names, namespace: shop}
spec: {selector: app == 'cart', types: [Egress], egress: [{action: Allow, destination: {domains: [example.org]}}]}
"""


class Kubectl:
    """The real one, as the administrator of a controller."""

    def __init__(self, controller: Controller) -> None:
        state = controller.directory / "state"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": "a", "cluster": {"server": f"https://{API}", "certificate-authority": f"{state}/api-ca.pem"}}
            ],
            "users": [{"name": "a", "user": {"token": (state / "token").read_text().strip()}}],
            "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a", "namespace": "shop"}}],
            "current-context": "a",
        }
        path = controller.directory / "kubeconfig"
        path.write_text(json.dumps(config))
        self._environment = {**os.environ, "HOME": str(controller.directory), "KUBECONFIG": str(path)}

    def __call__(self, *words: str, stdin: str = "") -> tuple[int, str]:
        """Exit code and all output."""
        done = subprocess.run(
            ["kubectl", *words],
            input=stdin,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout

    def watching(self, *words: str) -> "subprocess.Popen[str]":
        """It goes on until it is killed."""
        return subprocess.Popen(["kubectl", *words], env=self._environment, stdout=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    with controller_in(tmp_path_factory.mktemp("controller")) as made:
        made.create("/api/v1/namespaces", "Namespace", "shop", {})
        yield made


def condition(value: Any) -> Any:
    (found,) = value["status"]["conditions"]
    assert found["type"] == "Enforced"
    return found


def test_kubectl_waits_watches_and_compares(controller: Controller) -> None:
    kubectl = Kubectl(controller)
    watching = kubectl.watching("get", "networkpolicies.projectcalico.org", "--watch")
    try:
        assert kubectl("apply", "-f", "-", stdin=MANIFEST)[0] == 0
        for turn in range(3):
            waited = kubectl("wait", "--for=condition=Enforced", NAME, "--timeout=10s")
            assert waited == (0, "networkpolicy.projectcalico.org/names condition met\n")
            kubectl("label", NAME, f"turn={turn}", "--overwrite")
        kubectl("wait", "--for=condition=Enforced", NAME, "--timeout=10s")
        assert watching.stdout is not None
        lines = [watching.stdout.readline().split() for _ in range(9)]
    finally:
        watching.kill()
        watching.communicate()
    assert "ENFORCED" in lines[0]
    assert [[cell for cell in line if cell in ("False", "True")] for line in lines[1:]] == [["False"], ["True"]] * 4
    before = controller.request("GET", f"{POLICIES}/names")
    assert kubectl("diff", "-f", "-", stdin=MANIFEST) == (0, "")
    assert "unchanged" in kubectl("apply", "-f", "-", stdin=MANIFEST)[1]
    assert controller.request("GET", f"{POLICIES}/names") == before
    assert before["status"]["enforcedRevision"] == before["metadata"]["resourceVersion"]


def test_what_was_written_before_a_kill_is_told_to_whoever_resumes_after_it(controller: Controller) -> None:
    created = controller.create(POLICIES, "NetworkPolicy", "late", {"selector": "all()", "types": ["Egress"]})
    controller.stop(signal.SIGKILL)
    controller.start()
    controller.until_in_sync()
    revision = created["metadata"]["resourceVersion"]
    watch = f"{POLICIES}?watch=1&fieldSelector=metadata.name=late&resourceVersion={revision}"
    with local_client(controller.socket) as client, client.stream("GET", watch) as response:
        event = json.loads(next(response.iter_lines()))
    assert (event["type"], event["object"]["metadata"]["resourceVersion"]) == ("MODIFIED", revision)
    assert condition(event["object"])["status"] == "True"


def test_what_is_not_in_force_says_why_and_from_which_version_the_rest_is(controller: Controller) -> None:
    def of(path: str) -> Any:
        return condition(controller.request("GET", path))

    spec = {"interfaceName": "cali1", "ipNetworks": ["10.0.0.7/32"]}
    controller.create(ENDPOINTS, "WorkloadEndpoint", "far", spec | {"node": "there"})
    controller.create(ENDPOINTS, "WorkloadEndpoint", "cart", spec, {"app": "cart"})
    staged = {"stagedAction": "Set", "selector": "all()", "types": ["Egress"]}
    controller.create(POLICIES.replace("/network", "/stagednetwork"), "StagedNetworkPolicy", "planned", staged)
    controller.until_in_sync()
    assert (of(f"{ENDPOINTS}/far")["status"], of(f"{ENDPOINTS}/far")["reason"]) == ("False", "OtherNode")
    assert of(f"{ENDPOINTS}/cart")["status"] == "True"
    assert of(POLICIES.replace("/network", "/stagednetwork") + "/planned")["reason"] == "Staged"


def test_nothing_of_it_is_stored(controller: Controller) -> None:
    assert condition(controller.request("GET", f"{POLICIES}/late"))["status"] == "True"
    assert controller.stop() == 0
    written = b"".join(path.read_bytes() for path in (controller.directory / "state").glob("store.db*"))
    assert b"late" in written
    assert b"Enforced" not in written
