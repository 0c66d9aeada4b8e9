"""The read models under `/v1/`."""

from typing import Any

import httpx
import pytest
import yaml


async def test_explain_answers_the_question(client: httpx.AsyncClient) -> None:
    question = {"source": "shop/a", "destination": "example.org", "port": 443, "sourcePort": 4000}
    response = await client.post("/v1/explain", json=question)
    assert response.status_code == 200
    assert (response.json()["verdict"], response.json()["source"]) == ("Deny", "shop/a")


@pytest.mark.parametrize(
    ("question", "field"),
    [
        ({"destination": "x"}, "source"),
        ({"source": "a", "destination": "x", "port": [1]}, "port"),
        ({"source": "a", "destination": "x", "port": True}, "port"),
        ({"source": "a", "destination": "x", "sourcePort": 0}, "sourcePort"),
        ({"source": "a", "destination": "x", "icmpType": 256}, "icmpType"),
        ({"source": "a", "destination": "x", "typo": 1}, "typo"),
        ({"source": "nobody", "destination": "x"}, "source"),
        ([], ""),
    ],
)
async def test_a_question_that_cannot_be_answered_names_the_field(
    client: httpx.AsyncClient, question: Any, field: str
) -> None:
    response = await client.post("/v1/explain", json=question)
    assert (response.status_code, response.json()["reason"]) == (422, "Invalid")
    assert [cause["field"] for cause in response.json()["details"]["causes"]] == [field]


async def test_status_is_camel_case_and_may_be_yaml(client: httpx.AsyncClient) -> None:
    as_json = (await client.get("/v1/status")).json()
    assert (as_json["ready"], as_json["storeRevision"], as_json["dataplane"]["inSync"]) == (True, 7, False)
    as_yaml = await client.get("/v1/status", headers={"Accept": "application/yaml"})
    assert yaml.safe_load(as_yaml.text) == as_json


async def test_leases_of_a_client(client: httpx.AsyncClient) -> None:
    (lease,) = (await client.get("/v1/leases?client=shop/a")).json()["leases"]
    assert (lease["client"], lease["secondsLeft"]) == ("shop/a", 59.5)


@pytest.mark.parametrize(("asked", "status", "reason"), [("junk", 400, "BadRequest"), ("shop/nobody", 404, "NotFound")])
async def test_leases_of_what_is_no_client(client: httpx.AsyncClient, asked: str, status: int, reason: str) -> None:
    response = await client.get(f"/v1/leases?client={asked}")
    assert (response.status_code, response.json()["reason"]) == (status, reason)
    assert asked in response.json()["message"]


async def test_leases_are_chosen_by_name_address_and_set(client: httpx.AsyncClient) -> None:
    asked = "name=*.EXAMPLE.org&address=2001:DB8::1&set=s:a&limit=1"
    answer = (await client.get(f"/v1/leases?{asked}")).json()
    (lease,) = answer["leases"]
    assert (lease["names"], lease["address"], lease["sets"]) == (["*.example.org"], "2001:db8::1", ["s:a"])
    assert answer["truncated"] is True


async def test_names_with_what_clients_know_of_them(client: httpx.AsyncClient) -> None:
    answer = (await client.get("/v1/names?name=api.EXAMPLE.net&limit=1")).json()
    assert (answer["names"][0]["name"], answer["truncated"]) == ("api.example.net", True)
    answer = (await client.get("/v1/names")).json()
    assert (answer["names"][0]["name"], answer["truncated"]) == ("api.example.org", False)
    assert answer["names"][0]["clients"][0]["addresses"] == [{"address": "198.51.100.1", "secondsLeft": 59.5}]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("leases?names=a", "names: there are client, name, address, set and limit"),
        ("leases?name=*.*", "name: bad domain '*.*'"),
        ("leases?address=junk", "address: 'junk' is no address"),
        ("leases?limit=0", "limit: '0' is no number of them: write 1 to 5000"),
        ("names?limit=many", "limit: 'many' is no number"),
        ("names?client=a", "client: there are name and limit"),
    ],
)
async def test_what_cannot_be_asked_of_what_was_learned(client: httpx.AsyncClient, asked: str, said: str) -> None:
    answer = await client.get(f"/v1/{asked}")
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(said)


async def test_what_applies_to_an_endpoint(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/effective?endpoint=shop/web")
    assert (answer.status_code, answer.json()["stages"][0]["end"]["by"]) == (200, "no profile")
    assert (await client.get("/v1/effective?endpoint=shop/nobody")).status_code == 404
    for asked in ("", "?endpoint=", "?name=shop/web", "?endpoint=shop/web&name=x"):
        assert (await client.get(f"/v1/effective{asked}")).status_code == 400


async def test_what_is_not_known_yet_is_a_503(client: httpx.AsyncClient) -> None:
    response = await client.get("/v1/endpoints?namespace=shop")
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert response.json()["message"] == "nothing is compiled yet in shop"


async def test_the_views_are_described(client: httpx.AsyncClient) -> None:
    described = (await client.get("/openapi.json")).json()["paths"]
    assert sorted(path for path in described if path.startswith("/v1/") or path == "/metrics") == [
        "/metrics",
        *(
            f"/v1/{name}"
            for name in (
                "audit",
                "denied",
                "dns-log",
                "effective",
                "endpoints",
                "explain",
                "leases",
                "names",
                "set-users",
                "stats",
                "status",
            )
        ),
    ]
    assert "icmpType" in str(described["/v1/explain"]["post"]["requestBody"])


async def test_every_part_of_an_explanation_is_described(client: httpx.AsyncClient) -> None:
    schemas = (await client.get("/openapi.json")).json()["components"]["schemas"]
    for name in ("Explanation", "ExplainOutcome", "ExplainDecision", "ExplainStep", "NearRule", "UnselectingPolicy"):
        assert name in schemas
    assert schemas["ExplainOutcome"]["properties"]["verdict"]["enum"] == ["Allow", "Deny"]
    assert schemas["NearRule"]["properties"]["behind"]["description"].startswith("What decided before it")
    assert {"ExplainedName", "LearnedAlias", "LearnedAddress", "Carrier", "PendingVerdict"} <= schemas.keys()


async def test_stats_are_chosen_by_kind_and_name_and_may_have_each_rule(client: httpx.AsyncClient) -> None:
    whole = (await client.get("/v1/stats")).json()
    assert whole["base"] == {"spoofed-source": {"packets": 2, "bytes": 80}}
    (policy,) = whole["policies"]
    assert (policy["ruleCount"], policy["unmatched"], policy["allowed"]["packets"], policy["rules"]) == (2, 1, 7, [])
    (tier,) = whole["tiers"]
    assert (tier["endOfIngress"], tier["endOfEgress"]) == (None, {"packets": 3, "bytes": 180})
    one = (await client.get("/v1/stats?kind=NetworkPolicy&namespace=shop&name=security.partners&rules=true")).json()
    assert [(each["direction"], each["rule"], each["packets"]) for each in one["policies"][0]["rules"]] == [
        ("egress", 0, 7),
        ("egress", 1, 0),
    ]
    assert one["tiers"] == []


@pytest.mark.parametrize(
    ("asked", "status", "said"),
    [
        ("kind=NetworkSet", 400, "kind: 'NetworkSet' has no counters; NetworkPolicy, "),
        ("rules=perhaps", 400, "rules: 'perhaps' is neither true nor false"),
        ("policy=a", 400, "policy: there are kind, namespace, name and rules"),
        ("name=unread", 503, "the kernel does not tell its counters"),
    ],
)
async def test_stats_that_cannot_be_shown(client: httpx.AsyncClient, asked: str, status: int, said: str) -> None:
    response = await client.get(f"/v1/stats?{asked}")
    assert response.status_code == status
    assert response.json()["message"].startswith(said)


async def test_stats_are_described(client: httpx.AsyncClient) -> None:
    schemas = (await client.get("/openapi.json")).json()["components"]["schemas"]
    assert {"StatsReport", "PolicyCounts", "RuleCount", "TierCounts", "Count"} <= schemas.keys()
    assert "no packet has matched" in schemas["PolicyCounts"]["properties"]["unmatched"]["description"]
