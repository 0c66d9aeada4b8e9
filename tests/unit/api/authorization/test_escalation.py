"""Nobody grants more than they have: roles, bindings and tokens."""

from typing import Any

import httpx
import pytest

from dnsguard.store.interface import Key
from tests.unit.access.roles import at, binding, on, role
from tests.unit.api.conftest import World
from tests.unit.api.tenants import RBAC, TOKENS, User, grant, made, message, user

MERGE = {"Content-Type": "application/merge-patch+json"}
APPLY = {"Content-Type": "application/apply-patch+yaml"}
ROLES, CLUSTER_ROLES = f"{RBAC}/namespaces/shop/roles", f"{RBAC}/clusterroles"
BINDINGS, CLUSTER_BINDINGS = f"{RBAC}/namespaces/shop/rolebindings", f"{RBAC}/clusterrolebindings"
RBAC_GROUP = "rbac.authorization.k8s.io"
MORE = "would grant rights that it does not have itself"


def token(name: str = "new", **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "dnsguard.io/v1", "kind": "AccessToken", "metadata": {"name": name}, "spec": spec}


@pytest.fixture
async def lead(client: httpx.AsyncClient) -> User:
    """Makes roles, bindings and tokens; of policy it may read network sets everywhere, and write them in shop."""
    await made(client, CLUSTER_ROLES, role("writer", on("*", "networksets")))
    await made(client, BINDINGS, binding("lead", "writer", "User:lead", namespace="shop"))
    verbs = "get list watch create update patch delete deletecollection"
    rules = [
        on(verbs, "roles clusterroles rolebindings clusterrolebindings", group=RBAC_GROUP),
        on(verbs, "accesstokens", group="dnsguard.io"),
        on("get list", "networksets"),
        at("get", "/v1/*"),
    ]
    await made(client, CLUSTER_ROLES, role("lead", *rules))
    await made(client, CLUSTER_BINDINGS, binding("lead", "lead", "User:lead"))
    return await user(client, "lead")


@pytest.mark.parametrize(
    ("path", "value", "allowed"),
    [
        (CLUSTER_ROLES, role("new", on("get", "networksets")), True),
        (CLUSTER_ROLES, role("new", on("get", "networksets", "one")), True),
        (CLUSTER_ROLES, role("new", at("get", "/v1/status")), True),
        (CLUSTER_ROLES, role("new"), True),
        (CLUSTER_ROLES, role("new", on("delete", "networksets")), False),
        (CLUSTER_ROLES, role("new", on("*", "networksets")), False),
        (CLUSTER_ROLES, role("new", on("get", "*")), False),
        (CLUSTER_ROLES, role("new", on("get", "networksets", group="*")), False),
        (CLUSTER_ROLES, role("new", on("get", "networksets"), on("get", "tiers")), False),
        (CLUSTER_ROLES, role("new", at("get", "/metrics")), False),
        (CLUSTER_ROLES, role("new", at("get", "*")), False),
        (CLUSTER_ROLES, role("new", at("*", "/v1/status")), False),
        (CLUSTER_ROLES, role("new", on("escalate", "clusterroles", group=RBAC_GROUP)), False),
        (CLUSTER_ROLES, role("new", on("bind", "clusterroles", "cluster-admin", group=RBAC_GROUP)), False),
        (ROLES, role("new", on("delete", "networksets"), namespace="shop"), True),
        (f"{RBAC}/namespaces/bank/roles", role("new", on("delete", "networksets"), namespace="bank"), False),
        (BINDINGS, binding("new", "writer", "User:bob", namespace="shop"), True),
        (f"{RBAC}/namespaces/bank/rolebindings", binding("new", "writer", "User:bob", namespace="bank"), False),
        (CLUSTER_BINDINGS, binding("new", "writer", "User:bob"), False),
        (CLUSTER_BINDINGS, binding("new", "writer", "User:lead"), False),
        (CLUSTER_BINDINGS, binding("new", "writer"), False),
        (CLUSTER_BINDINGS, binding("new", "cluster-admin", "User:lead"), False),
        (BINDINGS, binding("new", "cluster-admin", "User:lead", namespace="shop"), False),
        (BINDINGS, binding("new", "nosuch", "User:bob", namespace="shop"), False),
        (BINDINGS, binding("new", "Role/nosuch", "User:bob", namespace="shop"), False),
        (CLUSTER_BINDINGS, binding("new", "lead", "User:bob"), True),
        (CLUSTER_BINDINGS, binding("new", "lead", "Group:system:authenticated"), False),
        (CLUSTER_BINDINGS, binding("new", "lead", "User:system:anonymous"), False),
        (TOKENS, token(), True),
        (TOKENS, token(groups=["whoever"]), True),
        (TOKENS, token("lead2", groups=["powerful"]), False),
        (TOKENS, token("boss"), False),
        (TOKENS, token(groups=["system:masters"]), False),
        (TOKENS, token(groups=["system:whatever"]), False),
    ],
)
async def test_what_may_be_granted(
    client: httpx.AsyncClient, lead: User, world: World, path: str, value: dict[str, Any], allowed: bool
) -> None:
    subjects = ("User:boss", "Group:powerful")
    await made(client, CLUSTER_BINDINGS, binding("boss", "cluster-admin", *subjects))
    before = (await world.store.list_objects())[1]
    for params in ({"dryRun": "All"}, {}):
        answer = await lead("POST", path, json=value, params=params)
        assert (answer.status_code == 201) is allowed, answer.text
        if not allowed:
            assert (answer.status_code, answer.json()["reason"]) == (403, "Forbidden")
    assert ((await world.store.list_objects())[1] == before) is not allowed
    name = value["metadata"]["name"]
    if not allowed and path != TOKENS:  # the same by another door
        applied = await lead("PATCH", f"{path}/{name}", json=value, headers=APPLY, params={"fieldManager": "x"})
        assert applied.status_code == 403


async def test_who_may_escalate_and_bind(client: httpx.AsyncClient) -> None:
    bob = await user(client, "bob")
    await grant(
        client,
        "bob",
        on("create update patch", "clusterroles clusterrolebindings", group=RBAC_GROUP),
        on("escalate", "clusterroles", "a", group=RBAC_GROUP),
        on("bind", "clusterroles", "view", "later", group=RBAC_GROUP),
    )
    assert (await bob("POST", CLUSTER_ROLES, json=role("a", on("*", "*")))).status_code == 201
    assert (await bob("POST", CLUSTER_ROLES, json=role("b", on("*", "*")))).status_code == 403
    for name, code in (("view", 201), ("later", 201), ("edit", 403), ("a", 403)):
        answer = await bob("POST", CLUSTER_BINDINGS, json=binding(f"to-{name}", name, "User:bob"))
        assert answer.status_code == code, name


async def test_a_role_is_not_widened_and_a_binding_not_turned(client: httpx.AsyncClient, lead: User) -> None:
    await made(client, CLUSTER_ROLES, role("strong", on("*", "*", group="*")))
    await made(client, CLUSTER_BINDINGS, binding("strong", "strong", "User:boss"))
    await made(client, CLUSTER_ROLES, role("weak", on("get", "networksets")))
    await made(client, CLUSTER_BINDINGS, binding("weak", "weak", "User:lead"))
    wider = {"rules": [on("*", "*", group="*")]}
    refused = await lead("PATCH", f"{CLUSTER_ROLES}/weak", json=wider, headers=MERGE)
    assert message(refused)[0] == 403
    assert MORE in message(refused)[1]
    assert "* on * of *" in message(refused)[1]
    add = {"subjects": [{"kind": "User", "name": "boss"}, {"kind": "User", "name": "lead"}]}
    assert (await lead("PATCH", f"{CLUSTER_BINDINGS}/strong", json=add, headers=MERGE)).status_code == 403
    turned = {"roleRef": {"apiGroup": RBAC_GROUP, "kind": "ClusterRole", "name": "strong"}}
    for who in (lead, client.request):
        answer = await who("PATCH", f"{CLUSTER_BINDINGS}/weak", json=turned, headers=MERGE)
        assert answer.status_code == 403
        assert "roleRef cannot be changed" in answer.text
    label = {"metadata": {"labels": {"a": "b"}}}
    for path in (f"{CLUSTER_ROLES}/strong", f"{CLUSTER_BINDINGS}/strong"):
        assert (await lead("PATCH", path, json=label, headers=MERGE)).status_code == 200, "grants nothing more"


@pytest.mark.parametrize("name", ["cluster-admin", "admin", "edit", "view", "tigera-network-admin", "tigera-ui-user"])
async def test_built_in_roles_stay(client: httpx.AsyncClient, name: str) -> None:
    path = f"{CLUSTER_ROLES}/{name}"
    kept = (await client.get(path)).json()
    assert kept["rules"]
    for method, more in (
        ("DELETE", {}),
        ("PATCH", {"json": {"rules": []}, "headers": MERGE}),
        ("PUT", {"json": {**kept, "rules": [on("*", "*", group="*")]}}),
    ):
        answer = await client.request(method, path, **more)
        assert answer.status_code == 403, answer.text
        assert "is built in" in answer.text
    assert (await client.delete(CLUSTER_ROLES)).status_code == 403
    assert (await client.get(path)).json() == kept


async def test_built_in_roles_are_put_right_at_the_next_start(world: World) -> None:
    await world.app().state.objects.ensure_builtins()
    key = Key("clusterroles.rbac.authorization.k8s.io", "", "view")
    kept = await world.store.get(key)
    revision = (await world.store.list_objects())[1]
    await world.app().state.objects.ensure_builtins()
    assert (await world.store.list_objects())[1] == revision, "what is right is not written"
    await world.store.update(key, {**kept, "rules": []}, None)
    await world.app().state.objects.ensure_builtins()
    assert (await world.store.get(key))["rules"] == kept["rules"]
