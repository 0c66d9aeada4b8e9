"""The status that objects have when they are read."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.unit.api.conftest import SETS, TOKEN, World, network_set, policy
from tests.unit.api.statuses import FakeStatuses

PARTNERS = f"{SETS}/partners"
MERGE = {"Content-Type": "application/merge-patch+json"}


@pytest.fixture
def statuses() -> FakeStatuses:
    return FakeStatuses()


@pytest.fixture
async def client(world: World, statuses: FakeStatuses) -> AsyncIterator[httpx.AsyncClient]:
    world.statuses = statuses
    app = world.app()
    await app.state.objects.ensure_builtins()
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False),
        base_url="http://dnsguard.example.org",
        headers={"Authorization": f"Bearer {TOKEN}"},
    ) as client:
        yield client


def status_of(answer: httpx.Response) -> dict[str, Any]:
    assert answer.is_success, answer.text
    value: dict[str, Any] = answer.json()
    version = value["metadata"]["resourceVersion"]
    assert (value["status"]["of"], value["status"]["version"]) == ("networksets/shop/partners", version)
    return value


async def test_every_answer_with_an_object_has_its_status(client: httpx.AsyncClient) -> None:
    created = status_of(await client.post(SETS, json=network_set()))
    status_of(await client.get(PARTNERS))
    changed = network_set(nets=["198.51.100.0/24"])
    assert status_of(await client.put(PARTNERS, json=changed))["status"]["generation"] == 2
    status_of(await client.patch(PARTNERS, json={"metadata": {"labels": {"a": "b"}}}, headers=MERGE))
    listed = (await client.get(SETS)).json()["items"]
    assert [each["status"]["of"] for each in listed] == ["networksets/shop/partners"]
    assert created["status"]["generation"] == 1


async def test_what_a_client_says_of_it_is_passed_over(client: httpx.AsyncClient) -> None:
    before = status_of(await client.post(SETS, json={**network_set(), "status": {"of": "me"}}))
    after = status_of(await client.put(PARTNERS, json={**before, "status": {"conditions": []}}))
    assert after == before
    patched = await client.patch(PARTNERS, json={"status": {"of": "me"}}, headers=MERGE)
    assert status_of(patched) == before


async def test_a_dry_run_shows_the_status_of_what_there_is(client: httpx.AsyncClient) -> None:
    created = await client.post(f"{SETS}?dryRun=All", json=network_set())
    assert (created.status_code, "status" in created.json()) == (201, False)
    before = status_of(await client.post(SETS, json=network_set()))
    changed = network_set(nets=["198.51.100.0/24"])
    dry = status_of(await client.put(f"{PARTNERS}?dryRun=All", json=changed))
    assert (dry["metadata"]["generation"], dry["status"]) == (2, before["status"])


async def test_kinds_without_a_status_have_none(client: httpx.AsyncClient) -> None:
    answer = await client.post(SETS.replace("networksets", "networkpolicies"), json=policy("default.allow-web"))
    assert answer.is_success, answer.text
    assert "status" not in answer.json()
