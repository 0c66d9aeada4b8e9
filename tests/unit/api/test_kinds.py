"""The generic routes, as a client sees them."""

import asyncio
import json
from typing import Any

import httpx
import pytest
import yaml

from dnsguard.access.builtin import BUILTIN_ROLES
from dnsguard.resources.references import BUILTINS
from dnsguard.store.interface import Key, NotFound, Object, StoreUnavailable
from tests.unit.api.conftest import SETS, V3, World, network_set, policy, tier

POLICIES = f"{V3}/namespaces/shop/networkpolicies"
MERGE = {"Content-Type": "application/merge-patch+json"}
JSON_PATCH = {"Content-Type": "application/json-patch+json"}

FIRST = len(BUILTINS) + len(BUILTIN_ROLES)
"""Objects that are there before a test makes one."""


def failure(response: httpx.Response) -> tuple[int, str, str]:
    """Code, reason and message of a Status, which must be whole."""
    status = response.json()
    assert (status["kind"], status["apiVersion"], status["status"]) == ("Status", "v1", "Failure")
    assert status["code"] == response.status_code
    return status["code"], status["reason"], status["message"]


def patched(*operations: dict[str, Any]) -> bytes:
    return json.dumps(operations).encode()


async def test_an_object_is_created_with_what_the_server_sets(client: httpx.AsyncClient) -> None:
    response = await client.post(SETS, json=network_set())
    assert response.status_code == 201
    assert response.json() == {
        "apiVersion": "projectcalico.org/v3",
        "kind": "NetworkSet",
        "metadata": {
            "name": "partners",
            "namespace": "shop",
            "labels": {"role": "partner"},
            "uid": f"uid-{FIRST}",
            "generation": 1,
            "creationTimestamp": "2026-01-02T03:04:05Z",
            "resourceVersion": str(FIRST + 1),
            "managedFields": [
                {
                    "manager": "python-httpx",
                    "operation": "Update",
                    "apiVersion": "projectcalico.org/v3",
                    "time": "2026-01-02T03:04:05Z",
                    "fieldsType": "FieldsV1",
                    "fieldsV1": {
                        "f:metadata": {"f:labels": {".": {}, "f:role": {}}},
                        "f:spec": {".": {}, "f:nets": {}},
                    },
                }
            ],
        },
        "spec": {"nets": ["192.0.2.0/24"]},
    }
    assert (await client.get(f"{SETS}/partners")).json() == response.json()


@pytest.mark.parametrize("field", ["resourceVersion", "uid", "generateName"])
async def test_a_server_set_field_that_is_no_text_is_refused(client: httpx.AsyncClient, field: str) -> None:
    """YAML without quotes makes a number of a revision; passing it over would overwrite somebody's change."""
    made = (await client.post(SETS, json=network_set())).json()
    body = {**made, "metadata": {**made["metadata"], field: 5}}
    refused = await client.put(f"{SETS}/partners", json=body)
    assert failure(refused)[:2] == (400, "BadRequest")
    assert f"metadata.{field}: must be a string, not a number" in refused.text
    assert (await client.get(f"{SETS}/partners")).json() == made


async def test_nothing_changes_for_who_cannot_read_the_answer(client: httpx.AsyncClient) -> None:
    picky = {"Accept": "image/png"}
    assert failure(await client.post(SETS, json=network_set(), headers=picky))[:2] == (406, "NotAcceptable")
    assert (await client.get(f"{SETS}/partners")).status_code == 404
    await client.post(SETS, json=network_set())
    assert (await client.delete(f"{SETS}/partners", headers=picky)).status_code == 406
    assert (await client.get(f"{SETS}/partners")).status_code == 200


async def test_the_built_ins_are_there_and_making_them_again_changes_nothing(
    client: httpx.AsyncClient, world: World
) -> None:
    tiers = (await client.get(f"{V3}/tiers")).json()
    assert [item["metadata"]["name"] for item in tiers["items"]] == ["default", "kube-admin", "kube-baseline"]
    assert (await client.get(f"{V3}/profiles/projectcalico-default-allow")).status_code == 200
    assert (await client.get("/api/v1/namespaces/default")).json()["apiVersion"] == "v1"
    await world.app().state.objects.ensure_builtins()
    assert (await client.get(f"{V3}/tiers")).json() == tiers


async def test_a_second_of_the_same_name_is_refused(client: httpx.AsyncClient) -> None:
    await client.post(SETS, json=network_set())
    again = await client.post(SETS, json=network_set())
    assert failure(again) == (409, "AlreadyExists", "networksets/shop/partners exists already")
    assert again.json()["details"] == {"name": "partners", "kind": "NetworkSet", "group": "projectcalico.org"}
    elsewhere = await client.post(f"{V3}/namespaces/ops/networksets", json=network_set())
    assert elsewhere.status_code == 201


async def test_generated_names_begin_as_asked_and_differ(client: httpx.AsyncClient) -> None:
    body = network_set()
    body["metadata"] = {"generateName": "partner-"}
    names = {(await client.post(SETS, json=body)).json()["metadata"]["name"] for _ in range(5)}
    assert len(names) == 5
    assert all(name.startswith("partner-") and len(name) == 13 for name in names)


async def test_replacing_counts_generations_and_keeps_what_the_server_set(client: httpx.AsyncClient) -> None:
    made = (await client.post(SETS, json=network_set())).json()
    made["spec"] = {"nets": ["198.51.100.0/24"]}
    made["metadata"]["creationTimestamp"] = "1999-01-01T00:00:00Z"
    made["metadata"]["generation"] = 99
    made["metadata"]["managedFields"] = [{"manager": "somebody"}]
    second = (await client.put(f"{SETS}/partners", json=made)).json()
    assert second["metadata"]["creationTimestamp"] == "2026-01-02T03:04:05Z"
    assert (second["metadata"]["generation"], second["metadata"]["resourceVersion"]) == (2, str(FIRST + 2))
    assert [entry["manager"] for entry in second["metadata"]["managedFields"]] == ["python-httpx"]
    second["metadata"]["labels"]["more"] = "x"
    third = (await client.put(f"{SETS}/partners", json=second)).json()
    assert (third["metadata"]["generation"], third["metadata"]["resourceVersion"]) == (2, str(FIRST + 3))
    assert (await client.put(f"{SETS}/partners", json=third)).json() == third


async def test_a_stale_resource_version_is_refused_and_changes_nothing(client: httpx.AsyncClient) -> None:
    first = (await client.post(SETS, json=network_set())).json()
    await client.put(f"{SETS}/partners", json=network_set(nets=[]))
    stale = await client.put(f"{SETS}/partners", json=first)
    assert failure(stale)[:2] == (409, "Conflict")
    assert f"is at resourceVersion {FIRST + 2}, not {FIRST + 1}: read it again" in stale.text
    assert (await client.get(f"{SETS}/partners")).json()["spec"] == {"nets": []}


@pytest.mark.parametrize("version", ["x", "-1", "6 ", "٣", "9" * 40])
async def test_a_resource_version_that_is_none_is_a_conflict(client: httpx.AsyncClient, version: str) -> None:
    body = network_set()
    await client.post(SETS, json=body)
    body["metadata"]["resourceVersion"] = version
    assert failure(await client.put(f"{SETS}/partners", json=body))[:2] == (409, "Conflict")


async def test_an_object_made_anew_is_not_mistaken_for_the_old(client: httpx.AsyncClient) -> None:
    old = (await client.post(SETS, json=network_set())).json()
    await client.delete(f"{SETS}/partners")
    await client.post(SETS, json=network_set())
    del old["metadata"]["resourceVersion"]
    assert failure(await client.put(f"{SETS}/partners", json=old))[:2] == (409, "Conflict")
    options = {"preconditions": {"uid": old["metadata"]["uid"]}}
    deletion = await client.request("DELETE", f"{SETS}/partners", json=options)
    assert failure(deletion)[:2] == (409, "Conflict")


async def test_deleting_answers_with_a_success_that_names_the_object(client: httpx.AsyncClient) -> None:
    uid = (await client.post(SETS, json=network_set())).json()["metadata"]["uid"]
    response = await client.delete(f"{SETS}/partners")
    assert (response.status_code, response.json()["status"]) == (200, "Success")
    assert response.json()["details"]["uid"] == uid
    assert failure(await client.get(f"{SETS}/partners"))[:2] == (404, "NotFound")
    assert failure(await client.delete(f"{SETS}/partners"))[:2] == (404, "NotFound")


@pytest.mark.parametrize(
    ("headers", "body", "labels"),
    [
        (MERGE, b'{"metadata":{"labels":{"a":"b"}}}', {"role": "partner", "a": "b"}),
        (MERGE, b"metadata: {labels: {role: null, a: b}}", {"a": "b"}),
        (JSON_PATCH, patched({"op": "add", "path": "/metadata/labels/a", "value": "b"}), {"role": "partner", "a": "b"}),
        (JSON_PATCH, patched({"op": "remove", "path": "/metadata/labels/role"}), {}),
    ],
)
async def test_patches(client: httpx.AsyncClient, headers: dict[str, str], body: bytes, labels: dict[str, str]) -> None:
    await client.post(SETS, json=network_set())
    response = await client.patch(f"{SETS}/partners", content=body, headers=headers)
    assert response.status_code == 200
    assert (await client.get(f"{SETS}/partners")).json()["metadata"].get("labels", {}) == labels


async def test_a_domain_is_added_and_removed_without_sending_the_list(client: httpx.AsyncClient) -> None:
    await client.post(SETS, json=network_set(allowedEgressDomains=["a.example.org"]))
    add = patched({"op": "add", "path": "/spec/allowedEgressDomains/-", "value": "*.example.com"})
    changed = (await client.patch(f"{SETS}/partners", content=add, headers=JSON_PATCH)).json()
    assert changed["spec"]["allowedEgressDomains"] == ["a.example.org", "*.example.com"]
    assert changed["metadata"]["generation"] == 2


@pytest.mark.parametrize(
    ("headers", "body", "code", "says"),
    [
        (JSON_PATCH, patched({"op": "test", "path": "/spec/nets/0", "value": "x"}), 422, "operation 0"),
        (JSON_PATCH, patched({"op": "add", "path": "/spec/nets/0", "value": "nonsense"}), 422, "spec.nets[0]"),
        (JSON_PATCH, patched({"op": "replace", "path": "/metadata/name", "value": "other"}), 400, "the path says"),
        (JSON_PATCH, patched({"op": "replace", "path": "/kind", "value": "Tier"}), 400, "takes a projectcalico.org/v3"),
        (JSON_PATCH, patched({"op": "replace", "path": "", "value": []}), 422, "must be a mapping"),
        (JSON_PATCH, b"{}", 400, "list of operations"),
        (MERGE, b"[]", 400, "is a mapping"),
        (MERGE, b'{"metadata":{"resourceVersion":"1"}}', 409, "not 1"),
        (MERGE, b'{"spec":{"nest":[]}}', 422, "did you mean nets"),
        ({"Content-Type": "application/json"}, b"{}", 415, "application/merge-patch+json"),
        ({"Content-Type": "application/apply-patch+cbor"}, b"{}", 415, "application/apply-patch+yaml"),
        ({"Content-Type": "application/apply-patch+yaml"}, b"{}", 422, "fieldManager: is required"),
        (
            {"Content-Type": "application/strategic-merge-patch+json"},
            b'{"metadata":{"labels":{"$patch":"explode"}}}',
            400,
            "$patch is replace, delete or merge",
        ),
    ],
)
async def test_patches_that_are_refused_change_nothing(
    client: httpx.AsyncClient, headers: dict[str, str], body: bytes, code: int, says: str
) -> None:
    made = (await client.post(SETS, json=network_set())).json()
    response = await client.patch(f"{SETS}/partners", content=body, headers=headers)
    assert failure(response)[0] == code
    assert says in response.json()["message"]
    assert (await client.get(f"{SETS}/partners")).json() == made


async def test_patches_that_meet_are_all_applied(client: httpx.AsyncClient) -> None:
    await client.post(SETS, json=network_set(allowedEgressDomains=["a.example.org"]))

    def add(number: int) -> Any:
        domain = f"n{number}.example.org"
        body = patched({"op": "add", "path": "/spec/allowedEgressDomains/-", "value": domain})
        return client.patch(f"{SETS}/partners", content=body, headers=JSON_PATCH)

    responses = await asyncio.gather(*(add(number) for number in range(4)))
    assert [response.status_code for response in responses] == [200] * 4
    assert len((await client.get(f"{SETS}/partners")).json()["spec"]["allowedEgressDomains"]) == 5


async def test_everything_wrong_with_an_object_is_said_with_its_field(client: httpx.AsyncClient) -> None:
    body = network_set(nets=["192.0.2.0/24", "nonsense"], allowedEgressDomains=["*"], nett=[])
    response = await client.post(SETS, json=body)
    assert failure(response)[:2] == (422, "Invalid")
    causes = {cause["field"]: cause["reason"] for cause in response.json()["details"]["causes"]}
    assert causes == {"spec.nets[1]": "V-18", "spec.allowedEgressDomains[0]": "V-19", "spec.nett": "D-01"}
    assert all(cause["message"] for cause in response.json()["details"]["causes"])
    assert (await client.get(SETS)).json()["items"] == []


async def test_ten_thousand_errors_are_not_ten_thousand_sentences(client: httpx.AsyncClient) -> None:
    response = await client.post(SETS, json=network_set(nets=[f"nonsense-{n}" for n in range(10_000)]))
    assert failure(response)[0] == 422
    assert response.json()["details"]["causes"][-1]["message"] == "and 9900 more"
    assert len(response.content) < 40_000


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"kind": "Tier"}, "this path takes a projectcalico.org/v3 NetworkSet, not a projectcalico.org/v3 Tier"),
        ({"apiVersion": "v1"}, "not a v1 NetworkSet"),
        ({"metadata": {"name": "x", "namespace": "other"}}, "metadata.namespace is 'other', the path says 'shop'"),
        ({"metadata": {"name": "x", "resourceVersion": "5"}}, "resourceVersion cannot be set"),
    ],
)
async def test_an_object_of_another_path_is_refused(
    client: httpx.AsyncClient, change: dict[str, Any], says: str
) -> None:
    response = await client.post(SETS, json=network_set() | change)
    assert failure(response)[:2] == (400, "BadRequest")
    assert says in response.json()["message"]


async def test_kind_and_version_may_be_left_to_the_path(client: httpx.AsyncClient) -> None:
    response = await client.post(SETS, content="metadata: {name: partners}\nspec: {nets: [192.0.2.1]}\n")
    assert response.status_code == 201
    assert response.json()["kind"] == "NetworkSet"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "the body is empty"),
        (b"a: [", "line 2"),
        (b"a: b\na: c\n", "duplicate key"),
        (b'{"a": 1, "a": 2}', "duplicate key"),
        (b"a: 1\n---\nb: 2\n", "must hold one document, not 2"),
        (b"\xff", "is not UTF-8"),
        (b"[" * 5000 + b"]" * 5000, "nested deeper"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "nested deeper"),
        (
            b"a: &a [x,x,x,x,x,x,x,x,x]\n"
            + b"".join(b"%c: &%c [%s]\n" % (n, n, b",".join([b"*%c" % (n - 1)] * 9)) for n in range(98, 108)),
            "aliases repeat",
        ),
    ],
)
async def test_bodies_that_cannot_be_read(client: httpx.AsyncClient, body: bytes, says: str) -> None:
    response = await client.post(SETS, content=body)
    assert failure(response)[:2] == (400, "BadRequest")
    assert says in response.json()["message"]


@pytest.mark.parametrize(
    ("content_type", "code"),
    [
        ("application/json; charset=utf-8", 201),
        ("application/yaml", 201),
        ("text/yaml", 201),
        ("application/x-www-form-urlencoded", 201),
        ("text/plain", 415),
        ("multipart/form-data; boundary=x", 415),
        ("application/vnd.kubernetes.protobuf", 400),
    ],
)
async def test_content_types(client: httpx.AsyncClient, content_type: str, code: int) -> None:
    response = await client.post(SETS, content=json.dumps(network_set()), headers={"Content-Type": content_type})
    assert response.status_code == code


async def test_compressed_bodies_are_refused(client: httpx.AsyncClient) -> None:
    response = await client.post(SETS, content=b"x", headers={"Content-Encoding": "gzip"})
    assert failure(response)[:2] == (415, "UnsupportedMediaType")


async def test_yaml_goes_in_and_comes_out(client: httpx.AsyncClient) -> None:
    made = await client.post(SETS, content=yaml.safe_dump(network_set()), headers={"Accept": "application/yaml"})
    assert made.headers["content-type"] == "application/yaml"
    assert yaml.safe_load(made.text)["metadata"]["name"] == "partners"
    listed = await client.get(SETS, headers={"Accept": "application/yaml"})
    assert yaml.safe_load(listed.text)["kind"] == "NetworkSetList"


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["a", "b", "c"]),
        ("labelSelector=env%3Dprod", ["a"]),
        ("labelSelector=env!%3Dprod", ["b", "c"]),
        ("labelSelector=env", ["a", "b"]),
        ("fieldSelector=metadata.name%3Db", ["b"]),
        ("fieldSelector=metadata.name%3Db&labelSelector=!env", []),
        ("resourceVersion=0", ["a", "b", "c"]),
    ],
)
async def test_lists_are_chosen_from(client: httpx.AsyncClient, query: str, names: list[str]) -> None:
    for name, labels in (("b", {"env": "dev"}), ("a", {"env": "prod"}), ("c", {})):
        body = network_set(name)
        body["metadata"]["labels"] = labels
        await client.post(SETS, json=body)
    listed = (await client.get(f"{SETS}?{query}")).json()
    assert [item["metadata"]["name"] for item in listed["items"]] == names
    assert listed["metadata"] == {"resourceVersion": str(FIRST + 3)}
    assert (await client.get(f"{V3}/networksets?{query}")).json() == listed


async def test_a_long_list_is_whole(client: httpx.AsyncClient) -> None:
    for number in range(250):
        await client.post(SETS, json=network_set(f"set-{number:03}"))
    listed = (await client.get(f"{V3}/networksets")).json()
    assert [item["metadata"]["name"] for item in listed["items"]] == [f"set-{number:03}" for number in range(250)]
    assert listed["kind"] == "NetworkSetList"


async def test_policies_are_chosen_by_tier(client: httpx.AsyncClient) -> None:
    await client.post(f"{V3}/tiers", json=tier())
    await client.post(POLICIES, json=policy("one"))
    await client.post(POLICIES, json=policy("two", "security"))
    for query in ("fieldSelector=spec.tier%3Dsecurity", "labelSelector=projectcalico.org/tier%3Dsecurity"):
        listed = (await client.get(f"{POLICIES}?{query}")).json()
        assert [item["metadata"]["name"] for item in listed["items"]] == ["two"]
    refused = await client.get(f"{SETS}?fieldSelector=spec.tier%3Dsecurity")
    assert "field label not supported: 'spec.tier'; of networksets those" in failure(refused)[2]


async def test_a_policy_needs_its_tier(client: httpx.AsyncClient) -> None:
    response = await client.post(POLICIES, json=policy(tier="security"))
    assert failure(response)[:2] == (422, "Invalid")
    assert response.json()["details"]["causes"][0]["field"] == "spec.tier"
    assert response.json()["details"]["causes"][0]["reason"] == "V-08"
    await client.post(f"{V3}/tiers", json=tier())
    assert (await client.post(POLICIES, json=policy(tier="security"))).status_code == 201
    moved = await client.put(f"{POLICIES}/allow-web", json=policy(tier="nowhere"))
    assert failure(moved)[:2] == (422, "Invalid")


async def test_a_tier_that_holds_policies_stays(client: httpx.AsyncClient) -> None:
    await client.post(f"{V3}/tiers", json=tier())
    await client.post(POLICIES, json=policy(tier="security"))
    refused = await client.delete(f"{V3}/tiers/security")
    assert failure(refused)[:2] == (409, "Conflict")
    assert "NetworkPolicy shop/allow-web" in refused.json()["message"]
    await client.delete(f"{POLICIES}/allow-web")
    assert (await client.delete(f"{V3}/tiers/security")).status_code == 200


async def test_a_namespace_that_holds_objects_stays(client: httpx.AsyncClient) -> None:
    """Its labels would go, and with them every Deny by namespaceSelector."""
    shop = "/api/v1/namespaces/shop"
    await client.post("/api/v1/namespaces", json={"metadata": {"name": "shop", "labels": {"env": "prod"}}})
    spec = {"interfaceName": "cali1", "ipNetworks": ["192.0.2.1"]}
    endpoint: dict[str, Any] = {"metadata": {"name": "cart"}, "spec": spec}
    held = (
        (f"{V3}/namespaces/shop/workloadendpoints", endpoint, "WorkloadEndpoint shop/cart"),
        (SETS, network_set(), "NetworkSet shop/partners"),
        (POLICIES, policy(), "NetworkPolicy shop/allow-web"),
    )
    for path, value, named in held:
        assert (await client.post(path, json=value)).status_code == 201
        for options in ("", "?dryRun=All"):
            refused = await client.delete(shop + options)
            assert failure(refused)[:2] == (409, "Conflict")
            assert [cause["reason"] for cause in refused.json()["details"]["causes"]] == ["V-23"]
            assert f": {named};" in refused.json()["message"]
        await client.delete(f"{path}/{value['metadata']['name']}")
    await client.post(f"{V3}/namespaces/other/networksets", json=network_set())
    assert (await client.delete(shop)).status_code == 200


async def test_what_is_built_in_stays_as_it_is(client: httpx.AsyncClient) -> None:
    for path in ("tiers/default", "tiers/kube-admin", "tiers/kube-baseline", "profiles/projectcalico-default-allow"):
        assert failure(await client.delete(f"{V3}/{path}"))[:2] == (403, "Forbidden")
    assert failure(await client.delete("/api/v1/namespaces/default"))[:2] == (403, "Forbidden")
    changed = await client.patch(f"{V3}/tiers/default", content=b'{"spec":{"order":5}}', headers=MERGE)
    assert failure(changed)[:2] == (422, "Invalid")
    assert changed.json()["details"]["causes"][0]["reason"] == "V-22"


async def test_a_policy_and_the_deletion_of_its_tier_never_both_succeed(client: httpx.AsyncClient) -> None:
    for _ in range(20):
        await client.post(f"{V3}/tiers", json=tier())
        made, deleted = await asyncio.gather(
            client.post(POLICIES, json=policy(tier="security")), client.delete(f"{V3}/tiers/security")
        )
        assert (made.status_code, deleted.status_code) in ((201, 409), (422, 200))
        await client.delete(f"{POLICIES}/allow-web")


async def test_dry_runs_check_everything_and_change_nothing(client: httpx.AsyncClient, world: World) -> None:
    made = await client.post(f"{SETS}?dryRun=All", json=network_set())
    assert made.status_code == 201
    assert made.json()["metadata"]["uid"]
    await client.post(SETS, json=network_set())
    before = await world.store.list_objects()
    assert failure(await client.post(f"{SETS}?dryRun=All", json=network_set()))[0] == 409
    assert failure(await client.post(f"{POLICIES}?dryRun=All", json=policy(tier="no")))[0] == 422
    replaced = await client.put(f"{SETS}/partners?dryRun=All", json=network_set(nets=[]))
    assert (replaced.json()["spec"], replaced.json()["metadata"]["generation"]) == ({"nets": []}, 2)
    assert (await client.delete(f"{SETS}/partners?dryRun=All")).status_code == 200
    by_body = await client.request("DELETE", f"{SETS}/partners", json={"kind": "DeleteOptions", "dryRun": ["All"]})
    assert by_body.status_code == 200
    assert failure(await client.delete(f"{V3}/tiers/default?dryRun=All"))[0] == 403
    assert failure(await client.post(f"{SETS}?dryRun=yes", json=network_set()))[0] == 400
    assert await world.store.list_objects() == before
    assert [record.dry_run for record in world.audit] == [True, False, *[True] * 6, False]


async def test_warnings_are_headers(client: httpx.AsyncClient) -> None:
    response = await client.post(SETS, json=network_set(allowedEgressDomains=["www.example.*"]))
    assert response.status_code == 201
    warnings = response.headers.get_list("warning")
    assert len(warnings) == 1
    assert warnings[0].startswith('299 - "spec.allowedEgressDomains[0]: ')


async def test_a_collection_is_deleted_as_chosen(client: httpx.AsyncClient) -> None:
    for name in ("a", "b", "c"):
        body = network_set(name)
        body["metadata"]["labels"] = {"gone": str(name != "b").lower()}
        await client.post(SETS, json=body)
    response = await client.delete(f"{SETS}?labelSelector=gone%3Dtrue")
    assert [item["metadata"]["name"] for item in response.json()["items"]] == ["a", "c"]
    assert [item["metadata"]["name"] for item in (await client.get(SETS)).json()["items"]] == ["b"]


async def test_what_of_a_collection_is_gone_already_holds_nothing_up(
    client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        await client.post(SETS, json=network_set(name))
    listed = world.store.list_objects

    async def slowly(plural: str | None = None, namespace: str | None = None) -> tuple[list[Object], int]:
        found = await listed(plural, namespace)
        if plural == "networksets":
            await world.store.delete(Key("networksets", "shop", "b"), None)
        return found

    monkeypatch.setattr(world.store, "list_objects", slowly)
    response = await client.delete(SETS)
    assert (response.status_code, response.json()["metadata"].keys()) == (200, {"resourceVersion"})
    assert [item["metadata"]["name"] for item in response.json()["items"]] == ["a", "c"]
    assert (await client.get(SETS)).json()["items"] == []
    assert world.audit_admitted == 0


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", f"{V3}/nonsense", 404),
        ("GET", f"{V3}/namespaces/shop/tiers", 404),
        ("GET", f"{V3}/networksets/partners", 404),
        ("GET", f"{V3}/namespaces", 404),
        ("GET", "/api/v1/pods", 404),
        ("GET", "/api/v1/namespaces/shop/pods", 404),
        ("GET", "/apis/apps/v1/deployments", 404),
        ("GET", f"{SETS}/..%2f..%2ftiers", 404),
        ("GET", "/nonsense", 404),
        ("POST", f"{V3}/networksets", 405),
        ("DELETE", f"{V3}/networksets", 405),
        ("PUT", SETS, 405),
        ("DELETE", "/v1/status", 405),
        ("GET", f"{SETS}?continue=abc", 400),
        ("GET", f"{SETS}?watch=1&sendInitialEvents=true", 422),
        ("GET", f"{SETS}?watch=1&sendInitialEvents=x", 400),
        ("GET", f"{SETS}?watch=1&resourceVersionMatch=NotOlderThan", 422),
        ("GET", f"{SETS}?watch=1&sendInitialEvents=1&resourceVersionMatch=NotOlderThan&resourceVersion=99", 504),
        ("GET", f"{SETS}?watch=1&resourceVersion=x", 400),
        ("GET", f"{SETS}?watch=1&timeoutSeconds=x", 400),
    ],
)
async def test_paths_that_lead_nowhere(client: httpx.AsyncClient, method: str, path: str, code: int) -> None:
    assert failure(await client.request(method, path))[0] == code


async def test_a_watch_is_a_stream_of_lines(client: httpx.AsyncClient, world: World) -> None:
    await client.post(SETS, json=network_set("a"))
    await client.post(SETS, json=network_set("b"))
    gone = await client.get(f"{SETS}?watch=1&resourceVersion=99")
    assert (gone.status_code, gone.headers["content-type"]) == (200, "application/json")
    (event,) = (json.loads(line) for line in gone.text.splitlines())
    assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")
    await world.store.close()  # so that watches end after what there is
    for query in ("watch=1", "watch=true&resourceVersion=0", "watch=true&timeoutSeconds=0"):
        lines = (await client.get(f"{SETS}?{query}")).text.splitlines()
        names = [(json.loads(line)["type"], json.loads(line)["object"]["metadata"]["name"]) for line in lines]
        assert names == [("ADDED", "a"), ("ADDED", "b")]


async def test_a_store_that_takes_no_writes_is_a_503_and_reads_go_on(
    client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: Any) -> Any:
        raise StoreUnavailable("the disk is full. Nothing was changed; try again")

    await client.post(SETS, json=network_set())
    monkeypatch.setattr(world.store, "update", full)
    response = await client.put(f"{SETS}/partners", json=network_set(nets=[]))
    assert failure(response) == (503, "ServiceUnavailable", "the disk is full. Nothing was changed; try again")
    assert response.headers["retry-after"] == "1"
    assert (await client.get(f"{SETS}/partners")).status_code == 200


async def test_a_mistake_of_ours_is_a_500_without_secrets(
    client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> Any:
        raise RuntimeError("internal detail")

    monkeypatch.setattr(world.store, "create", broken)
    response = await client.post(SETS, json=network_set())
    assert failure(response) == (500, "InternalError", "dnsguard made a mistake: RuntimeError")
    assert (world.audit[-1].code, world.audit[-1].message) == (500, "dnsguard made a mistake: RuntimeError")


async def test_every_change_is_audited(client: httpx.AsyncClient, world: World) -> None:
    await client.post(SETS, json=network_set())
    await client.put(f"{SETS}/partners", json=network_set(nets=[]))
    await client.patch(f"{SETS}/partners", content=b'{"metadata":{"labels":{"a":"b"}}}', headers=MERGE)
    await client.put(f"{SETS}/partners", json=network_set(nets=["x"]))
    await client.get(f"{SETS}/partners")
    await client.delete(f"{SETS}/partners")
    await client.post(SETS, json=network_set("a"))
    await client.post(SETS, json=network_set("b"))
    await client.delete(SETS)

    def version(value: dict[str, Any] | None) -> int:
        return int(value["metadata"]["resourceVersion"]) - FIRST if value else 0

    seen = [(r.verb, r.place, r.code, version(r.before), version(r.after)) for r in world.audit]
    assert seen == [
        ("create", "networksets/shop/partners", 201, 0, 1),
        ("update", "networksets/shop/partners", 200, 1, 2),
        ("patch", "networksets/shop/partners", 200, 2, 3),
        ("update", "networksets/shop/partners", 422, 0, 0),
        ("delete", "networksets/shop/partners", 200, 3, 0),
        ("create", "networksets/shop/a", 201, 0, 5),
        ("create", "networksets/shop/b", 201, 0, 6),
        ("delete", "networksets/shop/a", 200, 5, 0),
        ("delete", "networksets/shop/b", 200, 6, 0),
        ("deletecollection", "networksets/shop", 200, 0, 0),
    ]
    assert [r.revision and r.revision - FIRST for r in world.audit] == [1, 2, 3, 0, 4, 5, 6, 7, 8, 0]
    assert {(r.user, r.time) for r in world.audit} == {("admin", "2026-01-02T03:04:05.000678+00:00")}
    assert "spec.nets[0]" in world.audit[3].message


async def test_what_an_older_version_stored_can_still_be_read_and_deleted(
    client: httpx.AsyncClient, world: World
) -> None:
    old = {"apiVersion": "projectcalico.org/v3", "kind": "NetworkSet", "metadata": {"name": "old"}, "spec": {"odd": 1}}
    key = Key("networksets", "shop", "old")
    await world.store.create(key, old)
    assert (await client.get(f"{SETS}/old")).json()["spec"] == {"odd": 1}
    assert (await client.delete(f"{SETS}/old")).status_code == 200
    with pytest.raises(NotFound):
        await world.store.get(key)
