"""The whole API in one document: nothing is served that it does not tell of, and nothing told of that is not served."""

import re
from typing import Any

import httpx
import pytest

from dnsguard.api.description.operations import path_of
from dnsguard.api.description.viewparameters import PARAMETERS
from dnsguard.resources import KINDS
from tests.unit.api.authorization.test_paths import routes
from tests.unit.api.conftest import World
from tests.unit.api.description.test_openapi3 import walk


@pytest.fixture
async def described(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await client.get("/openapi.json")
    assert answer.status_code == 200
    document: dict[str, Any] = answer.json()
    return document


async def test_all_that_is_served_is_described(described: dict[str, Any], world: World) -> None:
    served = {
        (route.path, method.lower())
        for route in routes(world.app())
        if "{plural}" not in route.path
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert len(served) > 30
    told = {(path, method) for path, item in described["paths"].items() for method in item}
    assert served <= told
    assert {path_of(kind) for kind in KINDS} <= described["paths"].keys()


async def test_all_that_is_described_is_served(described: dict[str, Any], client: httpx.AsyncClient) -> None:
    for path, item in described["paths"].items():
        if "{name}" not in path and "get" in item:
            answer = await client.get(path.replace("{namespace}", "shop"))
            assert str(answer.status_code) in item["get"]["responses"].keys() - {"404"}, (path, answer.text)


async def test_a_parameter_without_a_value_is_as_one_that_is_not_there(
    described: dict[str, Any], client: httpx.AsyncClient
) -> None:
    for path, item in described["paths"].items():
        at = path.replace("{namespace}", "shop")
        for each in item.get("get", {}).get("parameters", ()):
            if "{name}" not in path and each["in"] == "query" and not each.get("required"):
                without, empty = await client.get(at), await client.get(at, params={each["name"]: ""})
                assert (empty.status_code, empty.text) == (without.status_code, without.text), (path, each["name"])


async def test_all_that_it_refers_to_is_there(described: dict[str, Any]) -> None:
    for value in walk(described):
        if isinstance(reference := value.get("$ref"), str):
            found: Any = described
            for step in reference.removeprefix("#/").split("/"):
                found = found[step]
            assert found


async def test_every_operation_says_what_it_takes_and_who_may(described: dict[str, Any]) -> None:
    identifiers = []
    for path, item in described["paths"].items():
        for method, operation in item.items():
            assert operation["summary"], path
            assert operation["tags"], path
            assert {"401"} <= operation["responses"].keys() or operation["security"] == []
            named = {each["name"] for each in operation.get("parameters", ()) if each["in"] == "path"}
            assert named == set(re.findall(r"\{(\w+)\}", path))
            assert ("requestBody" in operation) >= (method in ("post", "put", "patch")), path
            identifiers.append(operation.get("operationId", path))
    assert len(set(identifiers)) == len(identifiers)
    assert PARAMETERS.keys() <= described["paths"].keys()


async def test_examples_are_good(described: dict[str, Any], client: httpx.AsyncClient) -> None:
    shop = "/apis/projectcalico.org/v3/namespaces/shop/networksets"
    manifest = {
        "apiVersion": "projectcalico.org/v3",
        "kind": "NetworkSet",
        "metadata": {"name": "partners"},
        "spec": {"allowedEgressDomains": []},
    }
    await client.post(shop, json=manifest)
    template = "/apis/projectcalico.org/v3/namespaces/{namespace}/networksets/{name}"
    shown = 0
    for media_type, body in described["paths"][template]["patch"]["requestBody"]["content"].items():
        for example in body.get("examples", {}).values():
            shown += 1
            answer = await client.patch(f"{shop}/partners", json=example["value"], headers={"Content-Type": media_type})
            assert answer.status_code == 200, answer.text
            assert "*.example.org" in answer.json()["spec"]["allowedEgressDomains"]
    assert shown == 2
    (example,) = described["paths"]["/v1/explain"]["post"]["requestBody"]["content"]["application/json"][
        "examples"
    ].values()
    assert (await client.post("/v1/explain", json=example["value"])).status_code == 200


async def test_a_method_that_is_not_there_is_answered_with_those_that_are(client: httpx.AsyncClient) -> None:
    for path, allowed in (
        ("/v1/status", "GET"),
        ("/apis/projectcalico.org/v3/tiers", "DELETE, GET, POST"),
        ("/apis/projectcalico.org/v3/tiers/default", "DELETE, GET, PATCH, PUT"),
        ("/livez", "GET, HEAD"),
    ):
        answer = await client.request("BREW", path)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
