"""Server-side apply, and who owns what, as a client sees them."""

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest

from dnsguard.api.writing import ownership
from dnsguard.store.interface import Key
from tests.unit.api.conftest import NOW, SETS, World, network_set

SET = f"{SETS}/partners"
APPLY = {"Content-Type": "application/apply-patch+yaml"}
JSON_PATCH = {"Content-Type": "application/json-patch+json"}
MERGE = {"Content-Type": "application/merge-patch+json"}


async def apply(
    client: httpx.AsyncClient, body: str | dict[str, Any], manager: str = "one", **query: str
) -> httpx.Response:
    content = body if isinstance(body, str) else json.dumps(body)
    return await client.patch(SET, content=content, headers=APPLY, params={"fieldManager": manager, **query})


def managers(value: Any) -> list[tuple[str, str, Any]]:
    return [
        (entry["manager"], entry["operation"], entry["fieldsV1"])
        for entry in value["metadata"].get("managedFields", [])
    ]


NETS: dict[str, Any] = {"f:spec": {"f:nets": {}}}


async def test_apply_creates_and_then_changes_nothing(client: httpx.AsyncClient) -> None:
    text = "metadata: {labels: {a: b}}\nspec: {nets: [192.0.2.0/24]}\n"
    made = await apply(client, text)
    assert made.status_code == 201
    assert managers(made.json()) == [("one", "Apply", {"f:metadata": {"f:labels": {"f:a": {}}}, **NETS})]
    again = await apply(client, text)
    assert (again.status_code, again.json()) == (200, made.json())


async def test_the_time_of_an_entry_is_that_of_its_change(client: httpx.AsyncClient, world: World) -> None:
    await apply(client, {"spec": {"nets": ["192.0.2.0/24"]}})
    world.now = NOW + timedelta(seconds=60)
    await apply(client, {"metadata": {"labels": {"a": "b"}}}, "two")
    same = (await apply(client, {"spec": {"nets": ["192.0.2.0/24"]}})).json()
    times = {entry["manager"]: entry["time"] for entry in same["metadata"]["managedFields"]}
    assert times == {"one": "2026-01-02T03:04:05Z", "two": "2026-01-02T03:05:05Z"}


async def test_a_conflict_is_told_as_kubernetes_tells_it(client: httpx.AsyncClient) -> None:
    await client.post(SETS, json=network_set(), params={"fieldManager": "kubectl-create"})
    before = (await client.get(SET)).json()
    refused = await apply(client, {"spec": {"nets": ["198.51.100.0/24"]}})
    status = refused.json()
    assert (refused.status_code, status["reason"]) == (409, "Conflict")
    said = 'conflict with "kubectl-create" using projectcalico.org/v3'
    assert status["message"] == f"Apply failed with 1 conflict: {said}: .spec.nets"
    assert status["details"]["causes"] == [{"reason": "FieldManagerConflict", "message": said, "field": ".spec.nets"}]
    assert (await client.get(SET)).json() == before
    forced = await apply(client, {"spec": {"nets": ["198.51.100.0/24"]}}, force="true")
    assert forced.json()["spec"] == {"nets": ["198.51.100.0/24"]}
    assert ("one", "Apply", NETS) in managers(forced.json())


async def test_many_conflicts_are_listed_by_manager(client: httpx.AsyncClient) -> None:
    await apply(client, {"metadata": {"labels": {"a": "1", "b": "1"}}})
    await apply(client, {"spec": {"nets": []}}, "two")
    status = (
        await apply(client, {"metadata": {"labels": {"a": "2", "b": "2"}}, "spec": {"nets": ["::1"]}}, "x")
    ).json()
    assert status["message"] == (
        "Apply failed with 3 conflicts: "
        'conflicts with "one":\n- .metadata.labels.a\n- .metadata.labels.b\nconflicts with "two":\n- .spec.nets'
    )


async def test_fields_that_are_applied_no_longer_go_unless_another_owns_them(client: httpx.AsyncClient) -> None:
    both = {"metadata": {"labels": {"a": "b", "c": "d"}}, "spec": {"nets": ["192.0.2.0/24"]}}
    await apply(client, both)
    await apply(client, {"metadata": {"labels": {"a": "b"}}}, "two")
    value = (await apply(client, {"spec": {"nets": ["192.0.2.0/24"]}})).json()
    assert value["metadata"]["labels"] == {"a": "b"}
    assert value["metadata"]["generation"] == 1


async def test_what_the_server_fills_in_is_nobodys(client: httpx.AsyncClient) -> None:
    path = "/api/v1/namespaces/shop"
    text = "metadata: {labels: {a: b}}"
    made = (await client.patch(f"{path}?fieldManager=one", content=text, headers=APPLY)).json()
    assert made["metadata"]["labels"] == {"a": "b", "kubernetes.io/metadata.name": "shop"}
    assert managers(made) == [("one", "Apply", {"f:metadata": {"f:labels": {"f:a": {}}}})]


async def test_an_update_takes_what_it_changes(client: httpx.AsyncClient) -> None:
    await apply(client, {"metadata": {"labels": {"a": "b"}}, "spec": {"nets": ["192.0.2.0/24"]}})
    patch = [{"op": "add", "path": "/spec/nets/-", "value": "::1"}]
    value = (await client.patch(SET, content=json.dumps(patch), headers=JSON_PATCH)).json()
    assert managers(value) == [
        ("one", "Apply", {"f:metadata": {"f:labels": {"f:a": {}}}}),
        ("python-httpx", "Update", NETS),
    ]
    assert (await apply(client, {"metadata": {"labels": {"a": "b"}}, "spec": {"nets": ["::1"]}})).status_code == 409


async def test_an_update_that_changes_nothing_takes_nothing(client: httpx.AsyncClient) -> None:
    made = (await client.post(SETS, json=network_set())).json()
    for response in (
        await client.put(SET, json=network_set(), params={"fieldManager": "other"}),
        await client.patch(SET, content='{"spec":{"nets":["192.0.2.0/24"]}}', headers=MERGE),
        await client.patch(SET, content="[]", headers=JSON_PATCH),
    ):
        assert response.json() == made


async def test_owners_are_forgotten_on_request_only(client: httpx.AsyncClient) -> None:
    made = (await client.post(SETS, json=network_set())).json()
    for kept in ("[]", "null"):
        value = await client.patch(SET, content=f'{{"metadata":{{"managedFields":{kept}}}}}', headers=MERGE)
        assert value.json() == made
    reset = (await client.patch(SET, content='{"metadata":{"managedFields":[{}]}}', headers=MERGE)).json()
    assert managers(reset) == []
    value = (await client.patch(SET, content='{"spec":{"nets":[]}}', headers=MERGE)).json()
    assert managers(value) == []  # not tracked until it is applied
    applied = (await apply(client, {"metadata": {"labels": {"x": "y"}}})).json()
    assert [entry[:2] for entry in managers(applied)] == [("one", "Apply"), ("before-first-apply", "Update")]


async def test_owners_may_be_moved_as_kubectl_does_when_it_migrates(client: httpx.AsyncClient) -> None:
    made = (await client.post(SETS, json=network_set(), params={"fieldManager": "kubectl-client-side-apply"})).json()
    entry = made["metadata"]["managedFields"][0] | {"manager": "kubectl", "operation": "Apply"}
    patch = [
        {"op": "replace", "path": "/metadata/managedFields", "value": [entry]},
        {"op": "replace", "path": "/metadata/resourceVersion", "value": made["metadata"]["resourceVersion"]},
    ]
    moved = await client.patch(SET, content=json.dumps(patch), headers=JSON_PATCH)
    assert moved.json()["metadata"]["managedFields"] == [entry]
    assert (await client.patch(SET, content=json.dumps(patch), headers=JSON_PATCH)).status_code == 409
    assert (await apply(client, {"spec": {"nets": []}}, "kubectl")).status_code == 200


async def test_a_client_cannot_state_owners_of_what_is_not_there(client: httpx.AsyncClient) -> None:
    entry = {"manager": "m", "operation": "Apply", "apiVersion": "v1", "more": "x" * 1000}
    body = network_set()
    body["metadata"]["managedFields"] = [{**entry, "fieldsV1": {"f:spec": {"f:nets": {}, "f:gone": {}}}}]
    made = (await client.post(SETS, json=body)).json()
    assert managers(made)[0] == ("python-httpx", "Update", made["metadata"]["managedFields"][0]["fieldsV1"])
    body["metadata"]["managedFields"] = [{**entry, "fieldsV1": {"f:spec": {"f:nets": {}, "f:gone": {}}}}]
    moved = (await client.put(SET, json=body)).json()
    assert managers(moved) == [("m", "Apply", NETS)]
    assert "more" not in moved["metadata"]["managedFields"][0]
    body["metadata"]["managedFields"] *= 201
    assert (await client.put(SET, json=body)).json() == moved


LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


async def test_what_kubectl_applied_from_the_client_it_may_apply_here(client: httpx.AsyncClient) -> None:
    body = network_set(nets=["192.0.2.0/24"])
    body["metadata"]["annotations"] = {LAST_APPLIED: json.dumps(network_set(nets=["192.0.2.0/24"]))}
    await client.post(SETS, json=body)
    changed = {"spec": {"nets": ["198.51.100.0/24"]}}
    assert (await apply(client, changed, "another")).status_code == 409
    done = await apply(client, changed, "kubectl")
    assert done.status_code == 200
    annotation = json.loads(done.json()["metadata"]["annotations"][LAST_APPLIED])
    assert annotation["spec"] == changed["spec"]
    await client.patch(SET, content='{"spec":{"nets":["::1"]}}', headers=MERGE)
    assert (await apply(client, changed, "kubectl")).status_code == 409


async def test_what_was_applied_last_is_kept_only_while_it_fits(client: httpx.AsyncClient) -> None:
    body = network_set(nets=[])
    body["metadata"]["annotations"] = {LAST_APPLIED: "{}"}
    await client.post(SETS, json=body)
    small = await apply(client, {"spec": {"nets": ["192.0.2.1"]}}, "kubectl", force="true")
    assert LAST_APPLIED in small.json()["metadata"]["annotations"]
    many = {"spec": {"nets": [f"10.{n // 250}.{n % 250}.0/24" for n in range(20_000)]}}
    large = await apply(client, many, "kubectl", force="true")
    assert LAST_APPLIED not in large.json()["metadata"].get("annotations", {})
    assert (await client.patch(SET, content='{"spec":{"nets":[]}}', headers=MERGE)).status_code == 200


async def test_an_annotation_holds_characters(client: httpx.AsyncClient) -> None:
    refused = await apply(client, '{"metadata":{"annotations":{"a":"\\ud800"}}}')
    assert (refused.status_code, "half of a surrogate pair" in refused.text) == (422, True)


async def test_an_object_of_an_older_version_has_an_owner_once_it_is_applied(
    client: httpx.AsyncClient, world: World
) -> None:
    made = (await client.post(SETS, json=network_set())).json()
    del made["metadata"]["managedFields"]
    await world.store.update(Key("networksets", "shop", "partners"), made, None)
    assert managers((await client.put(SET, json=network_set(nets=[]))).json()) == []
    assert (
        (await apply(client, {"spec": {"nets": ["::1"]}}))
        .json()["message"]
        .startswith('Apply failed with 1 conflict: conflict with "before-first-apply" using projectcalico.org/v3')
    )


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        ("[]", 400, "an apply patch is an object"),
        ("metadata: 5", 400, "an apply patch is an object"),
        ("metadata: {managedFields: [{manager: x}]}", 400, "managedFields must be nil"),
        ("metadata: {name: other}", 400, "the path says"),
        ("metadata: {namespace: other}", 400, "make them the same"),
        ("kind: Tier", 400, "this path takes"),
        ("metadata: {resourceVersion: '1'}", 409, "not 1"),
        ("metadata: {uid: other}", 409, "it was made anew"),
        ("spec: {nets: null}", 422, "spec.nets: is null"),
        ("spec: {nest: []}", 422, "did you mean nets"),
        ("spec: {nets: [nonsense]}", 422, "spec.nets[0]"),
        ("a: b\na: c", 400, "duplicate key"),
    ],
)
async def test_an_apply_that_is_refused_changes_nothing(
    client: httpx.AsyncClient, body: str, code: int, says: str
) -> None:
    await client.post(SETS, json=network_set())
    before = (await client.get(SET)).json()
    refused = await apply(client, body)
    assert (refused.status_code, says in refused.json()["message"]) == (code, True), refused.text
    assert (await client.get(SET)).json() == before


@pytest.mark.parametrize(
    ("field", "value"), [("uid", "some"), ("resourceVersion", "3"), ("name", "other"), ("name", None), ("name", 5)]
)
async def test_an_apply_that_means_another_object_makes_none(client: httpx.AsyncClient, field: str, value: str) -> None:
    refused = await apply(client, {"metadata": {field: value}})
    assert refused.status_code in (400, 409)
    assert (await client.get(SETS)).json()["items"] == []


async def test_nulls_that_say_nothing_are_passed_over(client: httpx.AsyncClient) -> None:
    await client.post(SETS, json=network_set())
    applied = await apply(client, "metadata: {creationTimestamp: null, labels: null}\nspec: {nets: [192.0.2.0/24]}")
    assert applied.json()["metadata"]["labels"] == {"role": "partner"}


async def test_a_dry_run_shows_and_keeps_nothing(client: httpx.AsyncClient) -> None:
    shown = await apply(client, {"spec": {"nets": ["::1"]}}, dryRun="All")
    assert (shown.status_code, shown.json()["spec"]) == (201, {"nets": ["::1"]})
    assert (await client.get(SET)).status_code == 404
    await client.post(SETS, json=network_set())
    before = (await client.get(SET)).json()
    shown = await apply(client, {"metadata": {"labels": {"a": "b"}}}, dryRun="All")
    assert shown.json()["metadata"]["labels"] == {"role": "partner", "a": "b"}
    assert (await apply(client, {"spec": {"nets": ["::1"]}}, dryRun="All")).status_code == 409
    assert (await client.get(SET)).json() == before


async def test_appliers_of_one_object_are_bounded(client: httpx.AsyncClient) -> None:
    for number in range(100):
        assert (await apply(client, {"spec": {"nets": []}}, f"m{number}")).status_code < 300
    assert (await apply(client, {"spec": {"nets": []}}, "one more")).status_code == 422
    assert (await apply(client, {"spec": {"nets": []}}, "m7")).status_code == 200


async def test_what_managers_own_together_is_bounded(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ownership, "MAX_OWNED", 20)
    body = {"metadata": {"annotations": {f"a{number}": "x" for number in range(10)}}}
    for manager in ("one", "two"):
        assert (await apply(client, body, manager)).status_code < 300
    refused = await apply(client, body, "three")
    assert refused.status_code == 422
    assert "managers own 30 fields of this object together, of at most 20" in refused.text
    assert (await apply(client, body, "two")).status_code == 200


UNKNOWN = {"metadata": {"name": "partners"}, "spec": {"nets": ["192.0.2.0/24"], "foo": 1}}


@pytest.mark.parametrize("validation", ["Warn", "Ignore"])
async def test_unknown_fields_are_left_out_with_a_warning_for_who_asks(
    client: httpx.AsyncClient, validation: str
) -> None:
    assert (await client.post(SETS, json=UNKNOWN)).status_code == 422
    query = {"fieldValidation": validation}
    made = await client.post(SETS, json=UNKNOWN, params=query)
    warning = '299 - "unknown field \\"spec.foo\\""'
    assert (made.status_code, made.headers["warning"], made.json()["spec"]) == (
        201,
        warning,
        {"nets": ["192.0.2.0/24"]},
    )
    for response in (
        await client.put(SET, json=UNKNOWN, params=query),
        await client.patch(SET, content='{"spec":{"foo":2}}', headers=MERGE, params=query),
        await apply(client, UNKNOWN, **query),
    ):
        assert (response.status_code, response.headers["warning"]) == (200, warning)
        assert response.json()["spec"] == {"nets": ["192.0.2.0/24"]}
    assert "foo" not in (await client.get(SET)).text
    bad = {**UNKNOWN, "spec": {"nets": ["nonsense"], "foo": 1}}
    assert (await client.put(SET, json=bad, params=query)).status_code == 422


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ('{"metadata":{"name":"partners"},"spec":{"nets":[],"nets":["192.0.2.0/24"]}}', "spec.nets"),
        ("metadata: {name: partners}\nspec: {nets: [],\n  nets: [192.0.2.0/24]}", "spec.nets"),
        ('{"metadata":{"name":"x","name":"partners"},"spec":{"nets":["192.0.2.0/24"]}}', "metadata.name"),
    ],
)
async def test_of_doubled_fields_the_last_counts_for_who_asks(
    client: httpx.AsyncClient, content: str, field: str
) -> None:
    headers = {"Content-Type": "application/yaml"}
    assert (await client.post(SETS, content=content, headers=headers)).status_code == 400
    made = await client.post(SETS, content=content, headers=headers, params={"fieldValidation": "Warn"})
    assert made.status_code == 201
    assert made.headers["warning"] == f'299 - "duplicate field \\"{field}\\""'
    assert (made.json()["metadata"]["name"], made.json()["spec"]) == ("partners", {"nets": ["192.0.2.0/24"]})
