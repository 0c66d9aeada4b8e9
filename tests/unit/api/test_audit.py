"""The record of an attempted change."""

import json
from typing import Any

import httpx
import pytest

from dnsguard.api.audit import MOST_OBJECT, AuditRecord, shown
from dnsguard.api.failures import failure_of
from tests.unit.api.conftest import SETS, TOKEN, V3, World, network_set


def record(**fields: Any) -> AuditRecord:
    known: dict[str, Any] = {
        "time": "2026-01-02T03:04:05.000678+00:00",
        "id": "1",
        "user": "admin",
        "groups": ("system:masters",),
        "source": "192.0.2.1",
        "agent": "curl",
        "uri": "/api/v1/namespaces",
        "verb": "create",
        "group": "",
        "resource": "namespaces",
        "namespace": "",
        "name": "shop",
        "code": 201,
    }
    return AuditRecord(**{**known, **fields})


def test_it_has_the_shape_of_kubernetes_audit_events_and_leaves_out_what_is_not_there() -> None:
    assert record().event() == {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "RequestResponse",
        "auditID": "1",
        "stage": "ResponseComplete",
        "stageTimestamp": "2026-01-02T03:04:05.000678+00:00",
        "requestURI": "/api/v1/namespaces",
        "verb": "create",
        "user": {"username": "admin", "groups": ["system:masters"]},
        "sourceIPs": ["192.0.2.1"],
        "userAgent": "curl",
        "objectRef": {"resource": "namespaces", "name": "shop"},
        "responseStatus": {"code": 201},
    }
    more = record(dry_run=True, alike=3, before={"a": 1}, after={"b": 2}, reason="x", message="y").event()
    assert (more["dryRun"], more["alike"], more["previousObject"], more["responseObject"]) == (
        True,
        3,
        {"a": 1},
        {"b": 2},
    )


def test_no_secret_of_a_token_is_in_it() -> None:
    token: dict[str, Any] = {
        "kind": "AccessToken",
        "metadata": {"name": "ci"},
        "spec": {"expires": "2026-02-01T00:00:00Z", "hash": "s3cret"},
        "status": {"token": "s3cret"},
    }
    seen = shown(token)
    assert "s3cret" not in json.dumps(seen)
    assert seen == {**token, "spec": {"expires": "2026-02-01T00:00:00Z"}, "status": {}}
    assert token["spec"]["hash"] == "s3cret"  # the answer's own object is as it was


def test_of_a_large_object_size_and_hash_are_kept() -> None:
    small = {"kind": "NetworkSet", "metadata": {"resourceVersion": "7"}, "spec": "x" * (MOST_OBJECT - 100)}
    assert shown(small) is small
    large = {**small, "spec": "x" * MOST_OBJECT}
    seen = shown(large)
    assert seen is not None
    assert (seen["metadata"], seen["bytes"], len(seen["sha256"])) == ({"resourceVersion": "7"}, 16_450, 64)


async def test_it_says_who_from_where_and_what_was_before_and_after(client: httpx.AsyncClient, world: World) -> None:
    made = await client.post(SETS, json=network_set(), headers={"User-Agent": "tests/1"})
    assert made.headers["audit-id"] == "request"
    await client.patch(
        f"{SETS}/partners?dryRun=All",
        json={"spec": {"nets": []}},
        headers={"Content-Type": "application/merge-patch+json"},
    )
    first, second = world.audit
    assert (first.user, first.groups[0], first.source, first.agent) == (
        "admin",
        "system:masters",
        "127.0.0.1",
        "tests/1",
    )
    assert (first.uri, first.verb, first.group, first.place) == (
        SETS, "create", "projectcalico.org", "networksets/shop/partners",
    )  # fmt: skip
    assert (first.before, first.after) == (None, made.json())
    assert second.before == made.json()
    assert second.after is not None
    assert (second.after["spec"], second.dry_run, second.revision) == ({"nets": []}, True, 0)
    assert second.uri.endswith("/partners?dryRun=All")


async def test_a_denied_reading_is_in_it_an_allowed_one_not(client: httpx.AsyncClient, world: World) -> None:
    assert (await client.get(f"{V3}/tiers")).status_code == 200
    assert world.audit == []
    await client.get(f"{V3}/tiers", headers={"Authorization": f"Bearer {TOKEN}x"})
    (denied,) = world.audit
    assert (denied.verb, denied.code, denied.user, denied.reason) == ("get", 401, "system:anonymous", "Unauthorized")


@pytest.mark.parametrize(
    ("method", "path"), [("POST", SETS), ("PUT", f"{SETS}/a"), ("DELETE", f"{SETS}/a"), ("DELETE", SETS)]
)
async def test_nothing_is_changed_whose_record_cannot_be_written(
    client: httpx.AsyncClient, world: World, method: str, path: str
) -> None:
    await client.post(SETS, json=network_set("a"))
    before = await world.store.list_objects()
    world.audit_problem = "the audit log has no room"
    response = await client.request(method, path, json=network_set("a" if method == "PUT" else "b"))
    assert (response.status_code, response.json()["reason"]) == (503, "ServiceUnavailable")
    assert response.json()["message"] == world.audit_problem
    assert response.headers["retry-after"] == "5"
    assert await world.store.list_objects() == before
    assert (await client.get(SETS)).status_code == 200
    world.audit_problem = ""
    assert (await client.delete(SETS)).status_code == 200


async def test_it_is_served(client: httpx.AsyncClient, world: World) -> None:
    await client.post(SETS, json=network_set())
    for asked in ("", "?user=admin&last=3", "?follow=true"):
        served = await client.get(f"/v1/audit{asked}")
        assert (served.status_code, served.headers["content-type"]) == (200, "application/x-ndjson")
        assert [json.loads(line) for line in served.text.splitlines()] == [world.audit[0].event()]
    assert (await client.get("/v1/audit?user=nobody")).text == ""
    refused = await client.get("/v1/audit?usr=x")
    assert (refused.status_code, refused.json()["message"]) == (400, "usr: there are last, user, denied and follow")


def test_the_refusal_asks_to_come_again() -> None:
    from dnsguard.api.audit import AuditUnavailable

    assert failure_of(AuditUnavailable("full")).headers == {"Retry-After": "5"}
