"""The dynamic client of Kubernetes' own Python package: discovery, changes of each kind, and an informer's list and
watch over a restart of the server and over 410."""

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from kubernetes import config
from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import ConflictError, NotFoundError, UnprocessibleEntityError

from tests.support.lab.guard import PROGRAM
from tests.system.controller import Controller, controller_in

pytestmark = [pytest.mark.xdist_group("dynamic client"), pytest.mark.timeout(300)]

V3 = "projectcalico.org/v3"


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    with controller_in(tmp_path_factory.mktemp("dynamic")) as made:
        yield made


@pytest.fixture(scope="module")
def client(controller: Controller) -> DynamicClient:
    file = controller.directory / "kubeconfig"
    words: list[str | Path] = ["--state-dir", controller.directory / "state", "--server", "https://127.0.0.1:18053"]
    subprocess.run([PROGRAM, "kubeconfig", *words, "--into", file], check=True, capture_output=True)
    return DynamicClient(config.new_client_from_config(str(file)))


def network_set(name: str, *nets: str, **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": V3,
        "kind": "NetworkSet",
        "metadata": {"name": name, "namespace": "shop", **metadata},
        "spec": {"nets": list(nets)},
    }


def test_what_is_served_is_discovered(client: DynamicClient) -> None:
    policies = client.resources.get(api_version=V3, kind="GlobalNetworkPolicy")
    assert (policies.name, policies.namespaced, "watch" in policies.verbs) == ("globalnetworkpolicies", False, True)
    kubernetes = client.resources.get(api_version="networking.k8s.io/v1", kind="NetworkPolicy")
    assert (kubernetes.group, kubernetes.namespaced) == ("networking.k8s.io", True)
    assert client.resources.get(api_version="v1", kind="Namespace").name == "namespaces"
    assert client.version["kubernetes"]["gitVersion"]


def test_objects_are_made_read_changed_and_deleted(client: DynamicClient) -> None:
    sets = client.resources.get(api_version=V3, kind="NetworkSet")
    made = sets.create(body=network_set("crud", "192.0.2.0/24", labels={"a": "b"}), namespace="shop")
    assert made.metadata.uid
    assert sets.get(name="crud", namespace="shop").spec.nets == ["192.0.2.0/24"]
    with pytest.raises(ConflictError):
        sets.create(body=network_set("crud"), namespace="shop")
    with pytest.raises(UnprocessibleEntityError) as invalid:
        sets.create(body=network_set("bad", "nonsense"), namespace="shop")
    assert "spec.nets[0]" in json.loads(invalid.value.body)["details"]["causes"][0]["field"]
    replaced = sets.replace(body={**made.to_dict(), "spec": {"nets": ["198.51.100.0/24"]}}, namespace="shop")
    assert int(replaced.metadata.resourceVersion) > int(made.metadata.resourceVersion)
    with pytest.raises(ConflictError):
        sets.replace(body=made.to_dict(), namespace="shop")
    merged = sets.patch(
        body={"metadata": {"name": "crud", "labels": {"a": "c"}}},
        namespace="shop",
        content_type="application/merge-patch+json",
    )
    assert merged.metadata.labels.to_dict() == {"a": "c"}
    stepped = sets.patch(
        body=[{"op": "add", "path": "/spec/nets/-", "value": "2001:db8::/32"}],
        name="crud",
        namespace="shop",
        content_type="application/json-patch+json",
    )
    assert stepped.spec.nets == ["198.51.100.0/24", "2001:db8::/32"]
    strategic = sets.patch(
        body={"metadata": {"name": "crud", "annotations": {"n": "1"}}},
        namespace="shop",
        content_type="application/strategic-merge-patch+json",
    )
    assert strategic.metadata.annotations.to_dict() == {"n": "1"}
    dry = sets.patch(
        body={"metadata": {"name": "crud"}, "spec": {"nets": []}},
        namespace="shop",
        content_type="application/merge-patch+json",
        dry_run="All",
    )
    assert dry.spec.nets == []
    assert sets.get(name="crud", namespace="shop").spec.nets == stepped.spec.nets
    assert [each.metadata.name for each in sets.get(namespace="shop", label_selector="a=c").items] == ["crud"]
    assert sets.get(namespace="shop", label_selector="a=b").items == []
    assert [each.metadata.name for each in sets.get(field_selector="metadata.name=crud").items] == ["crud"]
    sets.delete(name="crud", namespace="shop")
    with pytest.raises(NotFoundError):
        sets.get(name="crud", namespace="shop")
    for number in range(3):
        sets.create(body=network_set(f"many-{number}", "192.0.2.0/24", labels={"many": ""}), namespace="shop")
    page = sets.get(namespace="shop", limit=2)
    rest = sets.get(namespace="shop", limit=2, _continue=page.metadata["continue"])
    assert [each.metadata.name for each in (*page.items, *rest.items)] == ["many-0", "many-1", "many-2"]
    sets.delete(namespace="shop", label_selector="many")
    assert sets.get(namespace="shop").items == []


def test_it_applies_on_the_server(client: DynamicClient) -> None:
    sets = client.resources.get(api_version=V3, kind="NetworkSet")
    applied = client.server_side_apply(
        sets, body=network_set("ssa", "192.0.2.0/24"), name="ssa", namespace="shop", field_manager="one"
    )
    again = client.server_side_apply(
        sets, body=network_set("ssa", "192.0.2.0/24"), name="ssa", namespace="shop", field_manager="one"
    )
    assert again.metadata.resourceVersion == applied.metadata.resourceVersion
    other = network_set("ssa", "198.51.100.0/24")
    with pytest.raises(ConflictError) as conflict:
        client.server_side_apply(sets, body=other, name="ssa", namespace="shop", field_manager="two")
    assert 'conflict with "one"' in json.loads(conflict.value.body)["message"]
    forced = client.server_side_apply(
        sets, body=other, name="ssa", namespace="shop", field_manager="two", force_conflicts=True
    )
    assert forced.spec.nets == ["198.51.100.0/24"]
    sets.delete(name="ssa", namespace="shop")


class Informer:
    """A copy of what the server has, by list and watch, as client-go's reflector keeps one."""

    def __init__(self, client: DynamicClient) -> None:
        self._client = client
        self._sets = client.resources.get(api_version=V3, kind="NetworkSet")
        self.objects: dict[str, list[str]] = {}
        self.revision = ""
        self.lists = 0

    def run(self, until: str) -> None:
        """Until an object of that name was seen to come or go."""
        if not self.revision:
            self.list()
        for event in self._sets.watch(namespace="shop", resource_version=self.revision, timeout=20):
            name = event["object"].metadata.name
            self.revision = event["object"].metadata.resourceVersion
            if event["type"] == "DELETED":
                del self.objects[name]
            else:
                self.objects[name] = event["object"].spec.nets
            if name == until:
                return

    def list(self) -> None:
        found = self._sets.get(namespace="shop")
        self.lists += 1
        self.objects = {each.metadata.name: each.spec.nets for each in found.items}
        self.revision = found.metadata.resourceVersion


def test_an_informer_goes_on_after_a_restart(client: DynamicClient, controller: Controller) -> None:
    sets = client.resources.get(api_version=V3, kind="NetworkSet")
    informer = Informer(client)
    sets.create(body=network_set("before", "192.0.2.0/24"), namespace="shop")
    informer.list()
    sets.create(body=network_set("first", "192.0.2.1/32"), namespace="shop")
    informer.run(until="first")
    sets.create(body=network_set("unseen", "192.0.2.2/32"), namespace="shop")
    sets.delete(name="before", namespace="shop")
    assert controller.stop(signal.SIGKILL) == -signal.SIGKILL
    controller.start()
    controller.until_in_sync()
    sets.create(body=network_set("last", "192.0.2.3/32"), namespace="shop")
    informer.run(until="last")
    assert informer.objects == {"first": ["192.0.2.1/32"], "unseen": ["192.0.2.2/32"], "last": ["192.0.2.3/32"]}
    assert informer.lists == 1, "it missed nothing, and did not list again"


@pytest.mark.soak  # what a watch is answered then is tested in `test_backup.py`, too
def test_an_informer_lists_again_when_a_backup_was_restored(client: DynamicClient, controller: Controller) -> None:
    """It is another history: the watch is told so, and the copy is made anew."""
    sets = client.resources.get(api_version=V3, kind="NetworkSet")
    for name in ("first", "last", "unseen"):
        with suppress(ConflictError):
            sets.create(body=network_set(name, "192.0.2.1/32"), namespace="shop")
    informer = Informer(client)
    informer.list()
    state = controller.directory / "state"
    backup = controller.directory / "backup.tar"
    subprocess.run([PROGRAM, "backup", backup, "--state-dir", state], check=True, capture_output=True)
    sets.create(body=network_set("lost", "192.0.2.4/32"), namespace="shop")
    informer.run(until="lost")
    assert controller.stop() == 0
    subprocess.run([PROGRAM, "restore", backup, "--state-dir", state], check=True, capture_output=True)
    controller.start()
    controller.until_in_sync()
    with pytest.raises(ApiException) as expired:
        informer.run(until="anything")
    assert expired.value.status == 410
    informer.revision = ""
    sets.create(body=network_set("new", "192.0.2.5/32"), namespace="shop")
    informer.list()
    assert sorted(informer.objects) == ["first", "last", "new", "unseen"]
    sets.delete(name="new", namespace="shop")
    informer.run(until="new")
    assert sorted(informer.objects) == ["first", "last", "unseen"]
