"""Who may do what over HTTP: every verb, tiers, namespaces and names; and what a refusal gives away."""

from typing import Any

import httpx
import pytest

from dnsguard.resources.madeby import HOST_ENDPOINTS, MADE_BY
from dnsguard.store.interface import Key
from tests.unit.access.roles import at, binding, on, role
from tests.unit.api.conftest import SETS, V3, World, network_set, policy, tier
from tests.unit.api.tenants import RBAC, TOKENS, User, grant, made, message, user

POLICIES = f"{V3}/namespaces/shop/networkpolicies"
MERGE = {"Content-Type": "application/merge-patch+json"}
APPLY = {"Content-Type": "application/apply-patch+yaml"}


def in_tier(name: str, verb: str, where: str, *, of: str = "alice", more: str = "") -> tuple[int, str]:
    named = f' "{name}"' if name else ""
    said = f'User "{of}" cannot {verb} networkpolicies.projectcalico.org in tier "{where}" and namespace "shop"{more}'
    return 403, f"networkpolicies.projectcalico.org{named} is forbidden: {said}"


NO_TIER = " (user cannot get tier)"


async def test_a_tenant_does_everything_in_its_tier(client: httpx.AsyncClient, alice: User) -> None:
    web = policy("net.web", "net")
    assert (await alice("POST", POLICIES, json=web)).status_code == 201
    assert (await alice("POST", POLICIES, json=policy("unprefixed", "net"))).status_code == 201
    generated = {**web, "metadata": {"generateName": "net.x-"}}
    assert (await alice("POST", POLICIES, json=generated)).status_code == 201
    assert (await alice("PUT", f"{POLICIES}/net.web", json=web)).status_code == 200
    merge = {"spec": {"order": 7}}
    assert (await alice("PATCH", f"{POLICIES}/net.web", json=merge, headers=MERGE)).status_code == 200
    applied = {"apiVersion": web["apiVersion"], "kind": web["kind"], "metadata": {"name": "net.new"},
               "spec": {"tier": "net", "selector": "all()"}}  # fmt: skip
    done = await alice("PATCH", f"{POLICIES}/net.new", json=applied, headers=APPLY, params={"fieldManager": "a"})
    assert done.status_code == 201, done.text
    assert (await alice("GET", f"{POLICIES}/net.web")).json()["spec"]["order"] == 7
    await made(client, POLICIES, policy("sec.web", "sec"))
    listed = (await alice("GET", POLICIES)).json()["items"]
    assert {each["spec"]["tier"] for each in listed} == {"net"}
    assert len(listed) == 4
    assert (await alice("GET", POLICIES, params={"fieldSelector": "spec.tier=net"})).status_code == 200
    assert (await alice("DELETE", f"{POLICIES}/net.web")).status_code == 200
    assert len((await alice("DELETE", POLICIES)).json()["items"]) == 3
    assert [each["metadata"]["name"] for each in (await client.get(POLICIES)).json()["items"]] == ["sec.web"]


async def test_what_a_tenant_may_not(client: httpx.AsyncClient, alice: User, world: World) -> None:
    await made(client, POLICIES, policy("sec.web", "sec"))
    await made(client, POLICIES, policy("net.web", "net"))
    before = (await world.store.list_objects())[1]
    moved = policy("net.web", "sec")
    wrong = 'User "alice" cannot list resource "networksets" in API group "projectcalico.org" in the namespace "shop"'
    rows: list[tuple[str, str, dict[str, Any], tuple[int, str]]] = [
        ("GET", f"{POLICIES}/sec.web", {}, in_tier("sec.web", "get", "sec", more=NO_TIER)),
        ("PUT", f"{POLICIES}/sec.web", {"json": policy("sec.web", "sec")},
         in_tier("sec.web", "update", "sec", more=NO_TIER)),
        ("PATCH", f"{POLICIES}/sec.web", {"json": {"spec": {"tier": "net"}}, "headers": MERGE},
         in_tier("sec.web", "patch", "sec", more=NO_TIER)),
        ("DELETE", f"{POLICIES}/sec.web", {}, in_tier("sec.web", "delete", "sec", more=NO_TIER)),
        ("POST", POLICIES, {"json": policy("sec.new", "sec")}, in_tier("", "create", "sec", more=NO_TIER)),
        ("POST", POLICIES, {"json": policy("net.new", "sec")}, in_tier("", "create", "sec", more=NO_TIER)),
        ("POST", POLICIES, {"json": policy("net.new", "nosuch")}, in_tier("", "create", "nosuch", more=NO_TIER)),
        # moving a policy needs rights on both tiers
        ("PUT", f"{POLICIES}/net.web", {"json": moved}, in_tier("net.web", "update", "sec", more=NO_TIER)),
        ("PATCH", f"{POLICIES}/net.web", {"json": {"spec": {"tier": "sec"}}, "headers": MERGE},
         in_tier("net.web", "patch", "sec", more=NO_TIER)),
        ("PATCH", f"{POLICIES}/net.web", {"json": {"spec": {"tier": None}}, "headers": MERGE},
         in_tier("net.web", "patch", "default", more=NO_TIER)),
        ("GET", POLICIES, {"params": {"fieldSelector": "spec.tier=sec"}}, in_tier("", "list", "sec", more=NO_TIER)),
        ("GET", POLICIES, {"params": {"fieldSelector": "spec.tier==sec", "watch": "1"}},
         in_tier("", "watch", "sec", more=NO_TIER)),
        ("DELETE", POLICIES, {"params": {"fieldSelector": "spec.tier=sec"}},
         in_tier("", "deletecollection", "sec", more=NO_TIER)),
        ("GET", SETS, {}, (403, f"networksets.projectcalico.org is forbidden: {wrong}")),
    ]  # fmt: skip
    for method, path, more, expected in rows:
        for params in ({}, {"dryRun": "All"}) if method != "GET" else ({},):
            answer = await alice(
                method, path, **more, **({"params": params} if params else {}) if "params" not in more else {}
            )
            if expected[1].startswith("networkpolicies.projectcalico.org is forbidden") and method == "POST":
                name = more["json"]["metadata"]["name"]
                expected = in_tier(name, "create", more["json"]["spec"]["tier"], more=NO_TIER)
            assert message(answer) == expected, (method, path)
            assert answer.json()["reason"] == "Forbidden"
    assert (await world.store.list_objects())[1] == before


@pytest.mark.parametrize("path", [
    f"{V3}/namespaces/bank/networkpolicies", f"{V3}/networkpolicies", f"{V3}/globalnetworkpolicies", f"{V3}/tiers",
    "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies", f"{V3}/namespaces/shop/stagednetworkpolicies",
    "/api/v1/namespaces", TOKENS, f"{RBAC}/clusterroles", f"{RBAC}/namespaces/shop/rolebindings",
    "/v1/status", "/v1/endpoints", "/v1/leases", "/v1/stats", "/v1/dns-log", "/v1/denied", "/metrics", "/v1", "/nosuch",
])  # fmt: skip
async def test_everything_else_is_shut(alice: User, path: str) -> None:
    assert (await alice("GET", path)).status_code == 403


async def test_what_everybody_may_read_who_is_known(alice: User) -> None:
    for path in ("/api", "/apis", "/version", "/api/v1", V3, RBAC, "/openapi/v3", "/livez"):
        assert (await alice("GET", path)).status_code == 200, path


async def test_a_refusal_is_the_same_whether_the_object_is_there(client: httpx.AsyncClient, alice: User) -> None:
    """Also of a dry run, of a wrong resourceVersion, and of a body that is no object."""
    paths = [f"{POLICIES}/sec.x", f"{POLICIES}/plain", f"{SETS}/partners", f"{V3}/tiers/hidden", f"{TOKENS}/bob"]
    stale = {"metadata": {"resourceVersion": "1", "uid": "x"}}
    tries: list[tuple[str, dict[str, Any]]] = [
        ("GET", {}),
        ("DELETE", {}),
        ("DELETE", {"params": {"dryRun": "All"}}),
        ("PUT", {"json": stale}),
        ("PATCH", {"json": stale, "headers": MERGE}),
        ("PATCH", {"json": stale, "headers": MERGE, "params": {"dryRun": "All"}}),
        ("PATCH", {"json": {"spec": {"tier": "net"}}, "headers": MERGE}),
        ("PATCH", {"json": [{"op": "test", "path": "/spec/tier", "value": "sec"}],
                   "headers": {"Content-Type": "application/json-patch+json"}}),
    ]  # fmt: skip
    answers = []
    for there in (False, True):
        if there:
            await made(client, POLICIES, policy("sec.x", "sec"))
            await made(client, POLICIES, policy("plain", "sec"))
            await made(client, SETS, network_set())
            await made(client, f"{V3}/tiers", tier("hidden"))
            await user(client, "bob")
        answers.append([message(await alice(method, path, **more)) for path in paths for method, more in tries])
    assert answers[0] == answers[1]
    assert {code for code, _ in answers[0]} == {403, 404}


async def test_a_verb_of_its_own_for_each_request(client: httpx.AsyncClient) -> None:
    await made(client, SETS, network_set())
    bob = await user(client, "bob")
    requests: dict[str, tuple[str, str, dict[str, Any]]] = {
        "get": ("GET", f"{SETS}/partners", {}),
        "list": ("GET", SETS, {}),
        "create": ("POST", SETS, {"json": network_set("new"), "params": {"dryRun": "All"}}),
        "update": ("PUT", f"{SETS}/partners", {"json": network_set()}),
        "patch": ("PATCH", f"{SETS}/partners", {"json": {}, "headers": MERGE}),
        "deletecollection": ("DELETE", SETS, {"params": {"dryRun": "All"}}),
        "delete": ("DELETE", f"{SETS}/partners", {"params": {"dryRun": "All"}}),
    }
    for verb in requests:
        await made(client, f"{RBAC}/namespaces/shop/roles", role(verb, on(verb, "networksets"), namespace="shop"))
        await made(client, f"{RBAC}/namespaces/shop/rolebindings",
                   binding("only", f"Role/{verb}", "User:bob", namespace="shop"))  # fmt: skip
        allowed = {each for each, (method, path, more) in requests.items()
                   if (await bob(method, path, **more)).status_code < 400}  # fmt: skip
        assert allowed == {verb}
        await client.delete(f"{RBAC}/namespaces/shop/rolebindings/only")
        assert (await bob(*requests[verb][:2], **requests[verb][2])).status_code == 403, "in force at once"


async def test_what_is_applied_and_not_there_yet_is_created(client: httpx.AsyncClient) -> None:
    bob = await user(client, "bob")
    await grant(client, "bob", on("patch", "networksets"))
    how: dict[str, Any] = {"headers": APPLY, "params": {"fieldManager": "a"}}
    refused = await bob("PATCH", f"{SETS}/partners", json=network_set(), **how)
    assert message(refused)[0] == 403
    assert 'cannot create resource "networksets"' in message(refused)[1]
    await made(client, SETS, network_set())
    assert (await bob("PATCH", f"{SETS}/partners", json=network_set(), **how)).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "names", "code"),
    [
        ("GET", f"{SETS}/partners", ["partners"], 200),
        ("GET", f"{SETS}/other", ["partners"], 403),
        ("GET", SETS, ["partners"], 403),
        ("GET", f"{SETS}?fieldSelector=metadata.name=partners", ["partners"], 200),
        ("GET", f"{SETS}?fieldSelector=metadata.name!=partners", ["partners"], 403),
        ("GET", f"{SETS}?fieldSelector=metadata.name=other", ["partners"], 403),
        ("GET", f"{SETS}/Partners", ["partners"], 403),
        ("GET", f"{SETS}/partners%2f..%2fother", ["partners"], 404),
        ("GET", f"{SETS}/partners/../other", ["partners"], 403),
        ("POST", SETS, ["partners"], 403),
        ("DELETE", SETS, ["partners"], 403),
        ("GET", f"{SETS}/*", ["*"], 404),
        ("GET", f"{SETS}/partners", ["*"], 403),
        ("GET", f"{SETS}/partners", [""], 403),
        ("GET", f"{V3}/namespaces/sh%6fp/networksets/partners", ["partners"], 200),
        ("GET", f"{V3}/namespaces//networksets/partners", ["partners"], 404),
    ],
)
async def test_names_in_a_rule(client: httpx.AsyncClient, method: str, path: str, names: list[str], code: int) -> None:
    await made(client, SETS, network_set())
    await made(client, SETS, network_set("other"))
    bob = await user(client, "bob")
    await grant(client, "bob", on("*", "networksets", *names), namespace="shop")
    assert (await bob(method, path, **({"json": network_set()} if method == "POST" else {}))).status_code == code


async def test_a_namespace_is_within_itself(client: httpx.AsyncClient) -> None:
    await made(client, "/api/v1/namespaces", {"metadata": {"name": "shop"}})
    bob = await user(client, "bob")
    await grant(client, "bob", on("get", "namespaces", group=""), namespace="shop")
    assert (await bob("GET", "/api/v1/namespaces/shop")).status_code == 200
    assert (await bob("GET", "/api/v1/namespaces/default")).status_code == 403


async def test_rights_on_paths(client: httpx.AsyncClient) -> None:
    bob = await user(client, "bob")
    await grant(client, "bob", at("get", "/v1/status", "/metrics"), at("post", "/v1/explain"))
    question = {"source": "shop/web", "destination": "example.org", "port": 443}
    assert (await bob("GET", "/v1/status")).status_code == 200
    assert (await bob("HEAD", "/metrics")).status_code != 403
    assert (await bob("POST", "/v1/explain", json=question)).status_code == 200
    assert message(await bob("GET", "/v1/stats")) == (403, 'forbidden: User "bob" cannot get path "/v1/stats"')
    for path in ("/v1/status/", "//v1/status", "/v1/../v1/stats", "/V1/status", "/api/../v1/stats"):
        assert (await bob("GET", path)).status_code in (403, 404), path


async def test_denied_attempts_are_written_down_with_who_and_what(alice: User, world: World) -> None:
    world.audit.clear()
    await alice("DELETE", f"{POLICIES}/sec.web")
    await alice("GET", "/v1/status")
    first, second = world.audit
    assert (first.user, first.verb, first.name, first.code, first.reason) == (
        "alice", "delete", "sec.web", 403, "Forbidden",
    )  # fmt: skip
    assert (second.user, second.uri, second.code) == ("alice", "/v1/status", 403)


async def test_nobody_but_masters_is_let_in_before_roles_are_known(world: World) -> None:
    app = world.app()  # nobody follows the store
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x.example") as client:
        answer = await client.get(SETS, headers={"Authorization": "Bearer dnsguard_x"})
        assert (answer.status_code, answer.json()["reason"]) == (503, "ServiceUnavailable")
        assert answer.headers["retry-after"] == "1"
        assert (await client.get(SETS, headers={"Authorization": "Bearer correct-horse-battery-staple"})).is_success


async def test_of_a_collection_all_is_removed_or_nothing(client: httpx.AsyncClient, alice: User) -> None:
    """What may be seen and not removed ends it before anything is; what may not be seen stays."""
    for name in ("net", "sec", "hidden"):
        if name == "hidden":
            await made(client, f"{V3}/tiers", tier(name))
        await made(client, POLICIES, policy(f"{name}.web", name))
    await made(
        client,
        f"{RBAC}/clusterroles",
        role("seer", on("get", "tiers", "sec"), on("list", "tier.networkpolicies", "sec.*")),
    )
    await made(client, f"{RBAC}/clusterrolebindings", binding("seer", "seer", "User:alice"))
    refused = await alice("DELETE", POLICIES)
    assert message(refused) == in_tier("sec.web", "deletecollection", "sec")
    assert len((await client.get(POLICIES)).json()["items"]) == 3
    await client.delete(f"{RBAC}/clusterrolebindings/seer")
    assert [each["metadata"]["name"] for each in (await alice("DELETE", POLICIES)).json()["items"]] == ["net.web"]


HEPS = f"{V3}/hostendpoints"


def host_endpoint(name: str, **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": "projectcalico.org/v3", "kind": "HostEndpoint", "metadata": {"name": name, **metadata},
            "spec": {"node": "here", "interfaceName": "*"}}  # fmt: skip


async def test_what_dnsguard_makes_by_itself_nobody_changes_or_claims(client: httpx.AsyncClient, world: World) -> None:
    marked = {"annotations": {MADE_BY: HOST_ENDPOINTS}}
    own = host_endpoint("here-auto-hep", uid="u1", creationTimestamp="2026-01-02T03:04:05Z", **marked)
    await world.store.create(Key("hostendpoints", "", "here-auto-hep"), own)
    await made(client, HEPS, host_endpoint("mine"))
    before = (await world.store.list_objects())[1]
    path = f"{HEPS}/here-auto-hep"
    whom = f"dnsguard makes it by itself ({HOST_ENDPOINTS}): "
    told = f'hostendpoints.projectcalico.org "here-auto-hep" is forbidden: {whom}'
    unmarked = host_endpoint("here-auto-hep", annotations={})
    rows: list[tuple[str, str, dict[str, Any], str]] = [
        ("PUT", path, {"json": unmarked}, told),
        ("PATCH", path, {"json": {"metadata": {"labels": {"a": "b"}}}, "headers": MERGE}, told),
        ("PATCH", path, {"json": unmarked, "headers": APPLY, "params": {"fieldManager": "a", "force": "true"}}, told),
        ("DELETE", path, {}, told),
        ("DELETE", HEPS, {"params": {"fieldSelector": "metadata.name=here-auto-hep"}}, told),
        ("POST", HEPS, {"json": host_endpoint("other", **marked)},
         f'hostendpoints.projectcalico.org "other" is forbidden: the annotation {MADE_BY} is dnsguard\'s own'),
        ("PATCH", f"{HEPS}/mine", {"json": {"metadata": marked}, "headers": MERGE},
         f'hostendpoints.projectcalico.org "mine" is forbidden: the annotation {MADE_BY} is dnsguard\'s own'),
    ]  # fmt: skip
    for method, where, more, said in rows:
        code, text = message(await client.request(method, where, **more))
        assert (code, text[: len(said)]) == (403, said), (method, where, text)
    assert (await world.store.list_objects())[1] == before
    assert (await client.get(path)).status_code == 200
    assert (await client.delete(f"{HEPS}/mine")).status_code == 200
