"""Roles and tokens as they are followed in the store: at once, and closed where they cannot be."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from dnsguard.access.ask import Ask
from dnsguard.api.authentication.tokens import token_digest
from dnsguard.api.authorization import access as module
from dnsguard.api.authorization.access import Access
from dnsguard.api.failures import Failure
from dnsguard.api.services import ADMIN, AUTHENTICATED, Caller
from dnsguard.resources import kind_named
from dnsguard.store.interface import Compacted, Key, Object, StoreUnavailable
from dnsguard.store.memory import MemoryStore
from tests.unit.access.roles import binding, on, role
from tests.unit.api.conftest import NOW

ALICE = Caller("alice")
SETS = Ask("get", "projectcalico.org", "networksets", "shop", "a")
ROLES, BINDINGS = kind_named("clusterroles"), kind_named("clusterrolebindings")


class Troubled(MemoryStore):
    """Cannot be listed while it is told so."""

    def __init__(self, history: int = 20_000) -> None:
        super().__init__(history)
        self.trouble: Exception | None = None

    async def list_objects(self, plural: str | None = None, namespace: str | None = None) -> tuple[list[Object], int]:
        if self.trouble is not None:
            raise self.trouble
        return await super().list_objects(plural, namespace)

    async def put(self, value: dict[str, Any]) -> int:
        kind = kind_named(value["kind"].lower())
        key = Key(kind.collection, value["metadata"].get("namespace", ""), value["metadata"]["name"])
        return int((await self.create(key, value))["metadata"]["resourceVersion"])


@asynccontextmanager
async def followed(store: Troubled) -> AsyncIterator[Access]:
    access = Access(store, lambda: NOW)
    following = asyncio.create_task(access.follow())
    try:
        yield access
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await store.close()


async def test_a_change_is_in_force_once_it_is_settled() -> None:
    store = Troubled()
    await store.put(role("reader", on("get", "networksets")))
    async with followed(store) as access:
        await access.loaded()
        assert not access.rights(ALICE).allow(SETS)
        revision = await store.put(binding("b", "reader", "User:alice"))
        await asyncio.wait_for(access.settled(BINDINGS, revision), 10)
        assert access.rights(ALICE).allow(SETS)
        gone = await store.delete(Key(ROLES.collection, "", "reader"), None)
        await asyncio.wait_for(access.settled(ROLES, int(gone["metadata"]["resourceVersion"])), 10)
        assert not access.rights(ALICE).allow(SETS)


async def test_nobody_is_judged_before_everything_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0)
    store = Troubled()
    await store.put(binding("b", "view", "User:alice"))
    store.trouble = StoreUnavailable("disk full")
    async with followed(store) as access:
        for _ in range(20):
            await asyncio.sleep(0)
        with pytest.raises(Failure, match="not loaded yet"):
            access.rights(ALICE)
        assert access.rights(ADMIN).all
        await asyncio.wait_for(access.settled(BINDINGS, 10**9), 10)  # who writes is not held up
        store.trouble = None
        await asyncio.wait_for(access.loaded(), 10)
        assert access.rights(ALICE).allow(SETS)


async def test_what_was_compacted_is_listed_anew_and_what_went_meanwhile_is_gone() -> None:
    store = Troubled(history=1)
    await store.put(role("reader", on("get", "networksets")))
    await store.put(binding("b", "reader", "User:alice"))
    async with followed(store) as access:
        await access.loaded()
        assert access.rights(ALICE).allow(SETS)
        gone = await store.delete(Key(BINDINGS.collection, "", "b"), None)
        for number in range(3):  # nobody else gets a turn: the deletion is no longer kept when it is looked for
            await store.put(binding(f"c{number}", "reader", "User:bob"))
        with pytest.raises(Compacted):
            store.require_kept(int(gone["metadata"]["resourceVersion"]) - 1)
        await access.moved()
        await asyncio.wait_for(access.loaded(), 10)
        assert not access.rights(ALICE).allow(SETS)
        assert access.rights(Caller("bob")).allow(SETS)


async def test_what_is_not_understood_grants_nothing() -> None:
    store = Troubled()
    odd = {**role("odd", on("*", "*", group="*")), "aggregationRule": {}}
    await store.put(odd)
    await store.put(binding("b", "odd", "User:alice"))
    token = {"apiVersion": "dnsguard.io/v1", "kind": "AccessToken", "metadata": {"name": "x"}, "spec": {"hash": "zz"}}
    await store.put(token)
    await store.put({**token, "metadata": {"name": "y"}, "spec": {}})
    async with followed(store) as access:
        await access.loaded()
        assert not access.rights(ALICE).allow(SETS)
        assert access.caller_with("") is None


async def test_what_moves_before_it_is_awaited_is_not_missed() -> None:
    store = Troubled()
    async with followed(store) as access:
        await access.loaded()
        moved = access.moved()
        revision = await store.put(binding("b", "view", "User:alice"))
        await asyncio.wait_for(access.settled(BINDINGS, revision), 10)
        await asyncio.wait_for(moved, 10)


async def test_no_token_of_the_store_is_good_while_it_cannot_be_followed() -> None:
    store = Troubled()
    hashed = {"hash": token_digest("secret").hex(), "groups": ["system:masters"]}
    value = {"apiVersion": "dnsguard.io/v1", "kind": "AccessToken", "metadata": {"name": "x", "uid": "1"}}
    await store.put({**value, "spec": hashed})
    async with followed(store) as access:
        await access.loaded()
        caller = access.caller_with("secret")
        assert caller is not None
        assert access.is_good(caller)
        await store.close()
        while access.is_loaded:
            await access.moved()
        for ask in (lambda: access.caller_with("secret"), lambda: access.is_good(caller)):
            with pytest.raises(Failure, match="not loaded yet"):
                ask()


async def test_who_acts_as_another_does_so_while_that_is_allowed() -> None:
    store = Troubled()
    verb = "impersonate"
    await store.put(role("acting", on(verb, "users", "carol", group=""), on(verb, "groups", "friends", group="")))
    await store.put(binding("b", "acting", "User:alice"))
    carol = Caller("carol", ("friends", AUTHENTICATED), impersonator=ALICE)
    async with followed(store) as access:
        await access.loaded()
        assert access.is_good(carol)
        assert not access.is_good(replace(carol, groups=("others", AUTHENTICATED)))
        gone = await store.delete(Key(BINDINGS.collection, "", "b"), None)
        await asyncio.wait_for(access.settled(BINDINGS, int(gone["metadata"]["resourceVersion"])), 10)
        assert not access.is_good(carol)


async def test_nobody_is_judged_once_the_store_is_closed() -> None:
    store = Troubled()
    async with followed(store) as access:
        await access.loaded()
        await store.close()
        while access.is_loaded:
            await access.moved()
        with pytest.raises(Failure, match="not loaded yet"):
            access.rights(ALICE)
