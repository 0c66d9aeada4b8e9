"""Patches of single entries of network sets, and which rules look into a set."""

from typing import Any

import httpx
import pytest

from dnsguard.api.writing.entries import ENTRIES
from tests.unit.api.conftest import SETS, V3

HEADERS = {"Content-Type": ENTRIES}


async def partners(client: httpx.AsyncClient, **spec: Any) -> dict[str, Any]:
    answer = await client.post(
        SETS, json={"metadata": {"name": "partners", "labels": {"role": "partner"}}, "spec": spec}
    )
    assert answer.status_code == 201
    value: dict[str, Any] = answer.json()
    return value


async def test_entries_come_and_go_and_the_set_stays_at_home(client: httpx.AsyncClient) -> None:
    await partners(client, nets=["10.0.0.0/8"], allowedEgressDomains=["*.example.org"])
    patch = {"add": ["A.example.org.", "192.0.2.1", "10.0.0.0/8"], "remove": ["*.example.org"]}
    answer = await client.patch(f"{SETS}/partners", json=patch, headers=HEADERS)
    after = (await client.get(f"{SETS}/partners")).json()
    assert after["spec"] == {"nets": ["10.0.0.0/8", "192.0.2.1/32"], "allowedEgressDomains": ["a.example.org"]}
    assert answer.json() == {
        "kind": "NetworkSet", "namespace": "shop", "name": "partners",
        "resourceVersion": after["metadata"]["resourceVersion"],
        "entries": [
            {"entry": "*.example.org", "field": "allowedEgressDomains", "outcome": "removed", "coveredBy": [],
             "narrower": ["a.example.org"]},
            {"entry": "a.example.org", "field": "allowedEgressDomains", "outcome": "added", "coveredBy": [],
             "narrower": []},
            {"entry": "192.0.2.1/32", "field": "nets", "outcome": "added", "coveredBy": [], "narrower": []},
            {"entry": "10.0.0.0/8", "field": "nets", "outcome": "present", "coveredBy": [], "narrower": []},
        ],
    }  # fmt: skip


async def test_what_is_there_already_changes_nothing(client: httpx.AsyncClient) -> None:
    before = await partners(client, allowedEgressDomains=["A.example.org."])
    answer = await client.patch(f"{SETS}/partners", json={"add": ["a.example.org"]}, headers=HEADERS)
    assert answer.json()["resourceVersion"] == before["metadata"]["resourceVersion"]
    assert (await client.get(f"{SETS}/partners")).json() == before


async def test_a_dry_run_says_what_would_be(client: httpx.AsyncClient) -> None:
    before = await partners(client, nets=["10.0.0.0/8"])
    params = {"dryRun": "All"}
    answer = await client.patch(f"{SETS}/partners", params=params, json={"add": ["192.0.2.1"]}, headers=HEADERS)
    assert [entry["outcome"] for entry in answer.json()["entries"]] == ["added"]
    assert (await client.get(f"{SETS}/partners")).json() == before


async def test_who_allows_nearly_everything_is_told(client: httpx.AsyncClient) -> None:
    await partners(client)
    answer = await client.patch(f"{SETS}/partners", json={"add": ["example.*"]}, headers=HEADERS)
    assert answer.headers.get_list("warning")[0].startswith("299 - \"'example.*' ends with a wildcard")


@pytest.mark.parametrize(
    ("patch", "code", "said"),
    [
        ([], 400, "not a patch of entries"),
        ({}, 400, "names none"),
        ({"add": []}, 400, "names none"),
        ({"add": "a.example.org"}, 400, "add: must be a list of strings"),
        ({"remove": [1]}, 400, "remove: must be a list of strings"),
        ({"add": ["a.example.org"], "nets": []}, 400, "not a patch of entries"),
        (
            {"add": ["a.example.org"], "remove": ["A.example.org"]},
            400,
            "a.example.org is to be added and to be removed",
        ),
        ({"add": ["a.example.org", "a..b", "1.2.3.4/33"]}, 422, "a component is empty"),
        ({"add": ["a.example.org"] * 10_001}, 413, "at most 10000 entries at once"),
    ],
)
async def test_bad_patches_change_nothing(client: httpx.AsyncClient, patch: Any, code: int, said: str) -> None:
    before = await partners(client, nets=["10.0.0.0/8"])
    answer = await client.patch(f"{SETS}/partners", json=patch, headers=HEADERS)
    assert answer.status_code == code
    assert said in answer.json()["message"]
    assert (await client.get(f"{SETS}/partners")).json() == before


async def test_causes_name_each_bad_entry(client: httpx.AsyncClient) -> None:
    await partners(client)
    patch = {"add": ["a..b", "a.example.org"], "remove": ["1.2.3.4/33"]}
    causes = (await client.patch(f"{SETS}/partners", json=patch, headers=HEADERS)).json()["details"]["causes"]
    assert [(cause["field"], cause["reason"]) for cause in causes] == [("add[0]", "V-53e")]


async def test_only_sets_have_entries(client: httpx.AsyncClient) -> None:
    answer = await client.patch(f"{V3}/tiers/default", json={"add": ["a.example.org"]}, headers=HEADERS)
    assert (answer.status_code, answer.json()["reason"]) == (415, "UnsupportedMediaType")
    assert (await client.patch(f"{SETS}/nosuch", json={"add": ["a.b"]}, headers=HEADERS)).status_code == 404


async def test_more_than_a_set_may_hold_is_refused(client: httpx.AsyncClient) -> None:
    await partners(client, allowedEgressDomains=[f"a{number}.example.org" for number in range(9_999)])
    answer = await client.patch(f"{SETS}/partners", json={"add": ["a.example.com", "b.example.com"]}, headers=HEADERS)
    assert (answer.status_code, answer.json()["details"]["causes"][0]["reason"]) == (422, "D-19")


def policy(name: str, *rules: dict[str, Any], direction: str = "egress") -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"types": [direction.title()], direction: list(rules)}}


async def test_rules_that_look_into_a_set(client: httpx.AsyncClient) -> None:
    await client.post("/api/v1/namespaces", json={"metadata": {"name": "shop", "labels": {"team": "a"}}})
    await partners(client)
    own = f"{V3}/namespaces/shop/networkpolicies"
    other = f"{V3}/namespaces/other/networkpolicies"
    allow = {"action": "Allow"}
    for path, value in [
        (own, policy("by-label", allow, {**allow, "destination": {"selector": "role == 'partner'"}})),
        (own, policy("everything", allow)),
        (own, policy("but-not", {**allow, "destination": {"notSelector": "role == 'partner'"}})),
        (own, policy("in", {"action": "Deny", "source": {"selector": "has(role)"}}, direction="ingress")),
        (other, policy("elsewhere", {**allow, "destination": {"selector": "role == 'partner'"}})),
        (other, policy("by-team", {**allow, "destination": {"selector": "all()", "namespaceSelector": "team == 'a'"}})),
        (f"{V3}/globalnetworkpolicies", policy("all", {**allow, "destination": {"selector": "role == 'partner'"}})),
    ]:
        assert (await client.post(path, json=value)).status_code == 201
    found = (await client.get("/v1/set-users", params={"namespace": "shop", "name": "partners"})).json()
    assert found["policies"] == 4
    assert [(rule["policy"], rule["direction"], rule["rule"], rule["action"]) for rule in found["rules"]] == [
        ("GlobalNetworkPolicy/all", "egress", 0, "Allow"),
        ("NetworkPolicy/other/by-team", "egress", 0, "Allow"),
        ("NetworkPolicy/shop/by-label", "egress", 1, "Allow"),
        ("NetworkPolicy/shop/in", "ingress", 0, "Deny"),
    ]


async def test_rules_that_look_into_a_global_set(client: httpx.AsyncClient) -> None:
    value = {"metadata": {"name": "cdn", "labels": {"role": "cdn"}}}
    assert (await client.post(f"{V3}/globalnetworksets", json=value)).status_code == 201
    asked = {"name": "cdn"}
    assert (await client.get("/v1/set-users", params=asked)).json() == {"policies": 0, "rules": []}
    rule = {"action": "Allow", "destination": {"selector": "role == 'cdn'", "namespaceSelector": "global()"}}
    await client.post(f"{V3}/namespaces/shop/networkpolicies", json=policy("a", rule))
    assert [rule["policy"] for rule in (await client.get("/v1/set-users", params=asked)).json()["rules"]] == [
        "NetworkPolicy/shop/a"
    ]


@pytest.mark.parametrize(("query", "code"), [("", 400), ("?name=a&x=b", 400), ("?name=nosuch", 404)])
async def test_bad_questions(client: httpx.AsyncClient, query: str, code: int) -> None:
    assert (await client.get(f"/v1/set-users{query}")).status_code == code
