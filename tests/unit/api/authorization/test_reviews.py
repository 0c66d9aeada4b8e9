"""What somebody is told of its own rights is what the routes decide."""

from typing import Any

import httpx
import pytest

from tests.unit.access.roles import on
from tests.unit.api.conftest import V3, tier
from tests.unit.api.tenants import User, grant, made, message, user

AUTHORIZATION = "/apis/authorization.k8s.io/v1"


async def can(who: Any, **attributes: str) -> tuple[bool, str]:
    body = {"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1",
            "spec": {"resourceAttributes": attributes}}  # fmt: skip
    answer = await who("POST", f"{AUTHORIZATION}/selfsubjectaccessreviews", json=body)
    assert answer.status_code == 201, answer.text
    status = answer.json()["status"]
    return status["allowed"], status.get("reason", "")


@pytest.mark.parametrize(
    ("attributes", "allowed"),
    [
        ({"verb": "create", "resource": "networkpolicies", "namespace": "shop"}, True),
        ({"verb": "create", "resource": "networkpolicies", "namespace": "bank"}, False),
        ({"verb": "get", "resource": "networkpolicies", "namespace": "shop", "name": "net.web"}, True),
        ({"verb": "get", "resource": "networkpolicies", "namespace": "shop", "name": "sec.web"}, False),
        ({"verb": "get", "resource": "networkpolicies", "namespace": "shop", "name": "web"}, True),
        ({"verb": "list", "resource": "networkpolicies"}, False),
        ({"verb": "get", "resource": "tier.networkpolicies", "namespace": "shop", "name": "net.*"}, True),
        ({"verb": "get", "resource": "tier.networkpolicies", "namespace": "shop"}, False),
        ({"verb": "get", "resource": "tiers", "name": "net"}, True),
        ({"verb": "get", "resource": "tiers"}, False),
        ({"verb": "*", "resource": "*", "group": "*"}, False),
    ],
)
async def test_may_i(alice: User, attributes: dict[str, str], allowed: bool) -> None:
    assert (await can(alice, group="projectcalico.org") if not attributes else (
        await can(alice, **{"group": "projectcalico.org", **attributes})
    ))[0] is allowed  # fmt: skip


async def test_why_not(alice: User) -> None:
    _, reason = await can(alice, group="projectcalico.org", verb="get", resource="networksets", namespace="shop")
    assert 'User "alice" cannot get resource "networksets"' in reason
    _, reason = await can(alice, group="projectcalico.org", verb="list", resource="networkpolicies")
    assert reason.endswith('cannot list networkpolicies.projectcalico.org in tier "default" (user cannot get tier)')


async def test_masters_may_all(client: httpx.AsyncClient) -> None:
    assert await can(client.request, verb="*", resource="*", group="*") == (True, "")
    body = {"spec": {"namespace": "shop"}}
    told = (await client.post(f"{AUTHORIZATION}/selfsubjectrulesreviews", json=body)).json()["status"]
    assert {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "resourceNames": []} in told["resourceRules"]
    assert {"verbs": ["*"], "nonResourceURLs": ["*"]} in told["nonResourceRules"]


async def test_a_path(client: httpx.AsyncClient) -> None:
    bob = await user(client, "bob")
    for path, allowed in (("/metrics", False), ("/v1/status", False)):
        body = {"spec": {"nonResourceAttributes": {"path": path, "verb": "get"}}}
        answer = await bob("POST", f"{AUTHORIZATION}/selfsubjectaccessreviews", json=body)
        assert answer.json()["status"]["allowed"] is allowed


async def test_what_may_i(alice: User) -> None:
    told = await alice("POST", f"{AUTHORIZATION}/selfsubjectrulesreviews", json={"spec": {"namespace": "shop"}})
    rules = told.json()["status"]["resourceRules"]
    wanted = {"verbs": ["*"], "apiGroups": ["projectcalico.org"], "resources": ["tier.networkpolicies"],
              "resourceNames": ["net.*"]}  # fmt: skip
    assert wanted in rules
    elsewhere = await alice("POST", f"{AUTHORIZATION}/selfsubjectrulesreviews", json={"spec": {"namespace": "bank"}})
    assert wanted not in elsewhere.json()["status"]["resourceRules"]
    assert told.json()["status"]["incomplete"] is False


async def test_who_am_i(client: httpx.AsyncClient) -> None:
    carol = await user(client, "carol", "netops")
    answer = await carol("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", json={})
    assert answer.json()["status"]["userInfo"] == {"username": "carol", "groups": ["netops", "system:authenticated"]}


async def test_about_others_may_ask_who_has_the_right_to(client: httpx.AsyncClient) -> None:
    await made(client, f"{V3}/tiers", tier("net"))
    carol = await user(client, "carol")
    await grant(client, "bob", on("get", "networksets"), namespace="shop")
    attributes = {"verb": "get", "group": "projectcalico.org", "resource": "networksets", "namespace": "shop"}
    body = {"spec": {"user": "bob", "resourceAttributes": attributes}}
    reviews = f"{AUTHORIZATION}/subjectaccessreviews"
    assert message(await carol("POST", reviews, json=body))[0] == 403
    assert (await client.post(reviews, json=body)).json()["status"]["allowed"] is True
    body["spec"]["user"] = "dave"
    assert (await client.post(reviews, json=body)).json()["status"]["allowed"] is False
    await grant(client, "carol", on("create", "subjectaccessreviews", group="authorization.k8s.io"))
    assert (await carol("POST", reviews, json=body)).status_code == 201


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, 422),
        ({"spec": {}}, 400),
        ({"spec": {"resourceAttributes": {"verb": 3}}}, 422),
        ({"spec": {"resourceAttributes": {}, "nonResourceAttributes": {}}}, 400),
        ({"kind": "Tier", "spec": {}}, 422),
        ([], 422),
        ({"spec": {"resourceAttributes": {"verb": "get", "new": True}}}, 201),
    ],
)
async def test_what_is_no_review(client: httpx.AsyncClient, body: Any, code: int) -> None:
    assert (await client.post(f"{AUTHORIZATION}/selfsubjectaccessreviews", json=body)).status_code == code
