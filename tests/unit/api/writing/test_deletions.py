"""What a deletion is asked for, over HTTP."""

from typing import Any

import httpx
import pytest

from tests.unit.api.conftest import SETS, network_set

SET = f"{SETS}/partners"


@pytest.mark.parametrize(
    "options",
    [
        {"propagationPolicy": "Foreground"},
        {"propagationPolicy": "Orphan", "gracePeriodSeconds": 0},
        {"orphanDependents": True, "apiVersion": "v1", "kind": "DeleteOptions"},
    ],
)
async def test_what_makes_no_difference_here_is_taken(client: httpx.AsyncClient, options: dict[str, Any]) -> None:
    made = (await client.post(SETS, json=network_set())).json()
    gone = await client.request("DELETE", SET, json=options)
    assert (gone.status_code, gone.json()["status"]) == (200, "Success")
    details = {"name": "partners", "group": "projectcalico.org", "kind": "NetworkSet", "uid": made["metadata"]["uid"]}
    assert gone.json()["details"] == details
    assert (await client.get(SET)).status_code == 404


@pytest.mark.parametrize(
    ("query", "options", "code"),
    [
        ("?propagationPolicy=Sideways", None, 422),
        ("", {"propagationPolicy": "Sideways"}, 422),
        ("", {"propagationPolicy": []}, 422),
        ("?dryRun=Some", None, 400),
        ("", {"dryRun": ["Some"]}, 400),
        ("", {"dryRun": "All"}, 400),
        ("", {"preconditions": []}, 400),
        ("", {"preconditions": [1]}, 400),
        ("", {"preconditions": {"resourceversion": "1"}}, 400),
        ("", {"preconditions": {"uid": 5}}, 400),
        ("", {"precondition": {"uid": "other"}}, 400),
        ("", {"gracePeriodSeconds": "soon"}, 400),
        ("", {"gracePeriodSeconds": True}, 400),
        ("", {"orphanDependents": "no"}, 400),
        ("", {"preconditions": {"uid": "other"}}, 409),
        ("", {"preconditions": {"resourceVersion": "1"}}, 409),
        ("", {"kind": "Tier"}, 400),
        ("", [], 400),
        ("?limit=x", None, 400),
        ("?continue=x", None, 400),
    ],
)
async def test_what_is_refused_deletes_nothing(client: httpx.AsyncClient, query: str, options: Any, code: int) -> None:
    made = (await client.post(SETS, json=network_set())).json()
    body = {} if options is None else {"json": options}
    assert (await client.request("DELETE", f"{SET}{query}", **body)).status_code == code
    assert (await client.get(SET)).json() == made


async def test_a_dry_run_may_be_asked_for_in_the_body(client: httpx.AsyncClient) -> None:
    made = (await client.post(SETS, json=network_set())).json()
    assert (await client.request("DELETE", SET, json={"dryRun": ["All"]})).status_code == 200
    assert (await client.request("DELETE", SETS, json={"dryRun": ["All"]})).json()["items"] == [made]
    assert (await client.get(SET)).json() == made


async def test_a_limit_bounds_what_is_removed_and_says_what_is_left(client: httpx.AsyncClient) -> None:
    for name in "abc":
        await client.post(SETS, json=network_set(name))
    first = (await client.delete(f"{SETS}?limit=2")).json()
    assert [item["metadata"]["name"] for item in first["items"]] == ["a", "b"]
    assert first["metadata"]["remainingItemCount"] == 1
    second = (await client.delete(f"{SETS}?limit=2")).json()
    assert [item["metadata"]["name"] for item in second["items"]] == ["c"]
    assert "remainingItemCount" not in second["metadata"]
