"""Access tokens: shown once, kept as a hash, good until they end."""

import asyncio
import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from dnsguard.api.authorization.access import Access
from dnsguard.api.services import Caller, TokenExpired
from dnsguard.api.writing.objects import Target
from dnsguard.resources import kind_named
from dnsguard.store.interface import Key
from tests.unit.access.roles import binding, on
from tests.unit.api.conftest import NOW, V3, World
from tests.unit.api.tenants import RBAC, TOKENS, grant, made, user

MERGE = {"Content-Type": "application/merge-patch+json"}
KEY = Key("accesstokens.dnsguard.io", "", "bob")


def token(name: str = "bob", **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "dnsguard.io/v1", "kind": "AccessToken", "metadata": {"name": name}, "spec": spec}


async def test_the_secret_is_shown_once_and_kept_nowhere(client: httpx.AsyncClient, world: World) -> None:
    answer = await made(client, TOKENS, token())
    secret = answer["status"]["token"]
    assert len(secret.removeprefix("dnsguard_")) == 43, "256 bits"
    digest = hashlib.sha256(secret.encode()).hexdigest()
    stored = await world.store.get(KEY)
    assert stored["spec"]["hash"] == digest
    for kept in (stored, (await client.get(f"{TOKENS}/bob")).json(), (await client.get(TOKENS)).json()):
        assert secret not in json.dumps(kept)
    assert [record.name for record in world.audit] == ["bob"]
    audited = repr(world.audit)
    assert secret not in audited
    assert digest not in audited
    another = await client.post(TOKENS, json=token("carol"))
    assert another.json()["status"]["token"] != secret
    assert "shown nowhere else" in another.headers["warning"]


async def test_a_dry_run_makes_no_secret(client: httpx.AsyncClient) -> None:
    answer = await client.post(TOKENS, json=token(), params={"dryRun": "All"})
    assert (answer.status_code, "status" in answer.json()) == (201, False)


async def test_nobody_chooses_the_hash(client: httpx.AsyncClient, world: World) -> None:
    chosen = hashlib.sha256(b"known").hexdigest()
    bob = await user(client, "bob")
    kept = (await world.store.get(KEY))["spec"]["hash"]
    for path, how in ((f"{TOKENS}/bob", MERGE), (f"{TOKENS}/bob", {"Content-Type": "application/apply-patch+yaml"})):
        body = token(hash=chosen)
        params = {"fieldManager": "x", "force": "true"} if "apply" in how["Content-Type"] else {}
        assert (await client.patch(path, json=body, headers=how, params=params)).status_code == 200
        assert (await world.store.get(KEY))["spec"]["hash"] == kept
    await client.put(f"{TOKENS}/bob", json=token(hash=chosen))
    await made(client, TOKENS, token("carol", hash=chosen))
    answer = await client.get(V3, headers={"Authorization": "Bearer known"})
    assert answer.status_code == 401
    assert (await bob("GET", V3)).status_code == 200


async def test_no_patch_sees_the_hash(client: httpx.AsyncClient, world: World) -> None:
    bob = await user(client, "bob")
    before = await world.store.get(KEY)
    digest = before["spec"]["hash"]
    how = {"Content-Type": "application/json-patch+json"}
    label = {"op": "copy", "from": "/spec/hash", "path": "/metadata/annotations"}
    for operation in (label, {"op": "test", "path": "/spec/hash", "value": digest}):
        answer = await client.patch(f"{TOKENS}/bob", json=[operation], headers=how)
        assert answer.status_code == 422, answer.text
        assert digest not in answer.text
    for body, kind in (({}, MERGE), ([], how)):
        assert (await client.patch(f"{TOKENS}/bob", json=body, headers=kind)).status_code == 200
    assert await world.store.get(KEY) == before
    assert (await bob("GET", V3)).status_code == 200


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (token("admin"), "is a user of dnsguard's own"),
        (token("system:masters"), "is a user of dnsguard's own"),
        (token("a/b"), "is no name for a AccessToken"),
        (token("a b"), "is no name for a AccessToken"),
        (token(expires="tomorrow"), "is no time"),
        (token(expires="2031-12-31"), "is no time"),
        (token(expires="2031-12-31T00:00:00"), "is no time"),
        (token(expires="9999-12-31T23:59:59-23:59"), "is no time"),
        (token(expires="0001-01-01T00:00:00+10:00"), "is no time"),
        (token(groups=[""]), "is empty"),
        (token(groups=["g" * 254]), "is longer than 253 characters"),
        (token(groups=["g"] * 101), "names 101 groups: at most 100"),
        (token(hash="x"), "is set by the server"),
        (token(secret="x"), "unknown field"),
    ],
)
async def test_what_is_no_token(client: httpx.AsyncClient, value: dict[str, Any], said: str) -> None:
    answer = await client.post(TOKENS, json=value)
    assert answer.status_code == 422
    assert said in answer.text


async def test_it_ends_on_the_second(world: World) -> None:
    class Clock:
        now = NOW

    app = world.app()
    access = Access(world.store, lambda: Clock.now)
    await app.state.objects.ensure_builtins()
    ends = datetime(2026, 1, 2, 3, 5, tzinfo=UTC)
    bob = token(expires="2026-01-02T03:05:00Z")
    written = await app.state.objects.create(Target(kind_named("accesstoken"), ""), bob)
    following = asyncio.create_task(access.follow())
    await access.loaded()
    for before, good in ((timedelta(microseconds=1), True), (timedelta(0), False), (timedelta(seconds=-1), False)):
        Clock.now = ends - before
        if good:
            assert access.caller_with(written.secret) == Caller("bob", token=str(written.object["metadata"]["uid"]))
        else:
            with pytest.raises(TokenExpired, match="the token of bob has expired"):
                access.caller_with(written.secret)
    following.cancel()


async def test_it_is_revoked_at_once_and_changed_at_once(client: httpx.AsyncClient) -> None:
    bob = await user(client, "bob")
    sets = f"{V3}/networksets"
    assert (await bob("GET", sets)).status_code == 403
    await made(client, f"{RBAC}/clusterrolebindings", binding("g", "view", "Group:netops"))
    assert (await bob("GET", sets)).status_code == 403
    changed = await client.patch(f"{TOKENS}/bob", json={"spec": {"groups": ["netops"]}}, headers=MERGE)
    assert changed.status_code == 200
    assert (await bob("GET", sets)).status_code == 200
    await client.patch(f"{TOKENS}/bob", json={"spec": {"expires": "2020-01-01T00:00:00Z"}}, headers=MERGE)
    assert (await bob("GET", sets)).status_code == 401
    await client.patch(f"{TOKENS}/bob", json={"spec": {"expires": None}}, headers=MERGE)
    assert (await bob("GET", sets)).status_code == 200
    await client.delete(f"{TOKENS}/bob")
    assert (await bob("GET", sets)).status_code == 401
    again = await user(client, "bob")
    assert (await bob("GET", sets)).status_code == 401, "the name is taken again, the secret is another"
    assert (await again("GET", V3)).status_code == 200
    await client.delete(TOKENS)
    assert (await again("GET", V3)).status_code == 401


async def test_who_may_not_give_rights_may_not_make_them_last(client: httpx.AsyncClient) -> None:
    """Updating the token of somebody with more rights is giving them, too."""
    await made(client, f"{RBAC}/clusterrolebindings", binding("boss", "cluster-admin", "User:boss"))
    await user(client, "boss", expires="2026-02-01T00:00:00Z")
    await grant(client, "bob", on("create get update patch delete", "accesstokens", group="dnsguard.io"))
    bob = await user(client, "bob")
    for spec in ({"expires": None}, {"groups": ["x"]}):
        answer = await bob("PATCH", f"{TOKENS}/boss", json={"spec": spec}, headers=MERGE)
        assert answer.status_code == 403, answer.text
    label = {"metadata": {"labels": {"a": "b"}}}
    assert (await bob("PATCH", f"{TOKENS}/boss", json=label, headers=MERGE)).status_code == 200
    own = {"spec": {"expires": "2027-01-01T00:00:00Z"}}
    assert (await bob("PATCH", f"{TOKENS}/bob", json=own, headers=MERGE)).status_code == 200
    assert (await bob("DELETE", f"{TOKENS}/boss")).status_code == 200
    assert (await bob("POST", TOKENS, json=token("boss"))).status_code == 403
