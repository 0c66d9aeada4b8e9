"""Every kind of every group makes the same round: written, read, listed, watched, patched, deleted, audited."""

from typing import Any

import httpx
import pytest

from dnsguard.api.description.discovery import root_of
from dnsguard.resources import KINDS, Kind
from dnsguard.store.interface import Key
from tests.support.samples import SAMPLES
from tests.unit.api.conftest import V3, World

MERGE = {"Content-Type": "application/merge-patch+json"}
NETWORKING = "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies"
POLICIES = f"{V3}/namespaces/shop/networkpolicies"


def collection(kind: Kind) -> str:
    return f"{root_of(kind.api_version)}{'/namespaces/shop' if kind.namespaced else ''}/{kind.plural}"


def test_there_is_a_sample_of_every_kind() -> None:
    assert set(SAMPLES) == {kind.collection for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.collection)
async def test_every_kind_makes_the_round(client: httpx.AsyncClient, world: World, kind: Kind) -> None:
    sample = SAMPLES[kind.collection]
    name, place = sample["metadata"]["name"], collection(kind)
    made = await client.post(place, json=sample)
    assert made.status_code == 201, made.text
    if kind.kind == "AccessToken":  # what of it is shown once is seen in test_accesstokens
        made = await client.get(f"{place}/{name}")
        sample = {**sample, "spec": {**sample["spec"], "hash": made.json()["spec"]["hash"]}}
    assert {field: made.json().get(field) for field in sample.keys() - {"metadata"}} == {
        field: part for field, part in sample.items() if field != "metadata"
    }
    revision = made.json()["metadata"]["resourceVersion"]
    key = Key(kind.collection, "shop" if kind.namespaced else "", name)
    assert await world.store.get(key) == made.json() == (await client.get(f"{place}/{name}")).json()

    listed = (await client.get(f"{root_of(kind.api_version)}/{kind.plural}", params={"labelSelector": "made"})).json()
    assert (listed["apiVersion"], listed["kind"]) == (kind.api_version, f"{kind.kind}List")
    assert listed["items"] == [made.json()]

    watch = world.store.watch(int(revision), kind.collection)
    assert (await client.put(f"{place}/{name}", json=made.json())).json() == made.json(), "nothing changed"
    patched = await client.patch(f"{place}/{name}", json={"metadata": {"labels": {"made": "again"}}}, headers=MERGE)
    assert patched.json().get("spec") == sample.get("spec")
    deleted = await client.delete(f"{place}/{name}")
    assert deleted.json()["details"]["kind"] == kind.kind
    modified, gone = await anext(watch), await anext(watch)
    assert (modified.type, modified.key, modified.object) == ("MODIFIED", key, patched.json())
    assert (gone.type, gone.key) == ("DELETED", key)
    await watch.aclose()

    assert [(record.verb, record.group, record.place) for record in world.audit] == [
        (verb, kind.group, "/".join(filter(None, (kind.plural, key.namespace, key.name))))
        for verb in ("create", "update", "patch", "delete")
    ]


async def test_policies_of_one_name_in_two_groups_live_beside_each_other(client: httpx.AsyncClient) -> None:
    calico, kubernetes = SAMPLES["networkpolicies"], SAMPLES["networkpolicies.networking.k8s.io"]
    made = [(await client.post(POLICIES, json=calico)).json(), (await client.post(NETWORKING, json=kubernetes)).json()]
    assert [each["metadata"]["name"] for each in made] == ["sample", "sample"]
    assert (await client.get(f"{POLICIES}/sample")).json() == made[0]
    assert (await client.get(f"{NETWORKING}/sample")).json() == made[1]
    assert (await client.get(POLICIES)).json()["items"] == made[:1]
    assert (await client.get(NETWORKING)).json()["items"] == made[1:]
    await client.delete(f"{POLICIES}/sample")
    assert (await client.get(f"{POLICIES}/sample")).status_code == 404
    assert (await client.get(f"{NETWORKING}/sample")).json() == made[1]


@pytest.mark.parametrize(
    ("path", "api_version", "kind", "said"),
    [
        (NETWORKING, "projectcalico.org/v3", "NetworkPolicy", f"; send that to {V3}/namespaces/NAMESPACE/networkpol"),
        (POLICIES, "networking.k8s.io/v1", "NetworkPolicy", "; send that to /apis/networking.k8s.io/v1/namespaces/"),
        (POLICIES, "extensions/v1beta1", "NetworkPolicy", "not a extensions/v1beta1 NetworkPolicy"),
        (NETWORKING, "networking.k8s.io/v1beta1", "NetworkPolicy", "not a networking.k8s.io/v1beta1 NetworkPolicy"),
        (POLICIES, "projectcalico.org/v3", "StagedNetworkPolicy", f"; send that to {V3}/namespaces/NAMESPACE/staged"),
        (NETWORKING, "networking.k8s.io/v1", "Ingress", "not a networking.k8s.io/v1 Ingress"),
        (f"{V3}/tiers", "networking.k8s.io/v1", "Tier", "not a networking.k8s.io/v1 Tier"),
        (POLICIES, 3, ["NetworkPolicy"], "not a 3 ['NetworkPolicy']"),
    ],
)
async def test_an_object_of_another_group_is_refused_and_told_where_it_belongs(
    client: httpx.AsyncClient, world: World, path: str, api_version: Any, kind: Any, said: str
) -> None:
    before = (await world.store.list_objects())[1]
    body = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}, "spec": {}}
    refused = await client.post(path, json=body)
    assert refused.status_code == 400
    assert said in refused.json()["message"]
    assert (await world.store.list_objects())[1] == before


@pytest.mark.parametrize(
    "path",
    [
        "/apis/networking.k8s.io/v1/namespaces/shop/networksets",
        "/apis/networking.k8s.io/v1/tiers",
        "/apis/networking.k8s.io/v3/namespaces/shop/networkpolicies",
        "/apis/projectcalico.org/v1/namespaces/shop/networkpolicies",
        "/api/v1/namespaces/shop/networkpolicies",
        "/apis/v1/namespaces",
    ],
)
async def test_no_kind_is_served_in_the_wrong_group(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404
