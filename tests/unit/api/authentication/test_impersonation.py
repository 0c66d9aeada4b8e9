"""Acting as another one."""

from typing import Any

import httpx
import pytest

from tests.unit.access.roles import binding, on
from tests.unit.api.conftest import SETS, V3, World, network_set
from tests.unit.api.tenants import RBAC, grant, made, message, user

WHO = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


def as_(name: str, *groups: str) -> list[tuple[str, str]]:
    return [("Impersonate-User", name), *(("Impersonate-Group", group) for group in groups)]


@pytest.mark.usefixtures("alice")
async def test_the_administrator_acts_as_a_tenant(client: httpx.AsyncClient, world: World) -> None:
    who = (await client.post(WHO, json={}, headers=as_("alice", "a", "b"))).json()["status"]["userInfo"]
    assert who == {"username": "alice", "groups": ["a", "b", "system:authenticated"]}
    assert (await client.get(SETS)).status_code == 200
    assert (await client.get(SETS, headers=as_("alice"))).status_code == 403, "no more than she has"
    assert (await client.get(f"{V3}/tiers/net", headers=as_("alice"))).status_code == 200
    world.audit.clear()
    await client.post(SETS, json=network_set(), headers=as_("alice"))
    (record,) = world.audit
    assert (record.user, record.acting_as, record.code) == ("admin", "alice", 403)
    assert record.event()["impersonatedUser"] == {"username": "alice"}
    assert 'User "alice" cannot create' in record.message


async def test_groups_bring_what_they_may(client: httpx.AsyncClient) -> None:
    await made(client, f"{RBAC}/clusterrolebindings", binding("g", "view", "Group:netops"))
    assert (await client.get(SETS, headers=as_("x", "netops"))).status_code == 200
    assert (await client.get(SETS, headers=as_("x"))).status_code == 403


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        (as_("carol"), 200),
        (as_("carol", "friends"), 200),
        (as_("dave"), 403),
        (as_("carol", "others"), 403),
        (as_("carol", "system:masters"), 403),
        (as_("carol", "system:authenticated"), 403),
        (as_("system:admin"), 403),
        ([("Impersonate-Group", "friends")], 400),
        ([*as_("carol"), ("Impersonate-Uid", "1")], 400),
        ([*as_("carol"), ("Impersonate-Extra-Scopes", "x")], 400),
        (as_(""), 400),
    ],
)
async def test_who_may_act_as_whom(client: httpx.AsyncClient, headers: Any, code: int) -> None:
    bob = await user(client, "bob")
    verb = "impersonate"
    await grant(client, "bob", on(verb, "users", "carol", group=""), on(verb, "groups", "friends", group=""))
    own = [("Authorization", f"Bearer {bob.secret}"), *headers]
    assert (await client.get(V3, headers=own)).status_code == code


async def test_nobody_reaches_masters_through_a_right_to_act_as_all(client: httpx.AsyncClient) -> None:
    await made(client, f"{RBAC}/clusterrolebindings", binding("boss", "cluster-admin", "User:boss"))
    boss = await user(client, "boss")
    own = [("Authorization", f"Bearer {boss.secret}")]
    assert (await client.get(V3, headers=[*own, *as_("anybody", "any")])).status_code == 200
    refused = await client.get(V3, headers=[*own, *as_("x", "system:masters")])
    assert message(refused)[0] == 403
    assert "is for system:masters alone" in message(refused)[1]
    assert (await client.get(SETS, headers=as_("x", "system:masters"))).status_code == 200, "who is one already"


async def test_whoever_acts_as_another_loses_it_with_the_token(client: httpx.AsyncClient) -> None:
    bob = await user(client, "bob")
    own = [("Authorization", f"Bearer {bob.secret}"), *as_("carol")]
    await grant(client, "bob", on("impersonate", "users", group=""))
    assert (await client.get(V3, headers=own)).status_code == 200
    await client.delete("/apis/dnsguard.io/v1/accesstokens/bob")
    assert (await client.get(V3, headers=own)).status_code == 401
