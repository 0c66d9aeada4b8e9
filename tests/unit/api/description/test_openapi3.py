"""OpenAPI v3 as Kubernetes' clients read it."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from dnsguard.api.description.discovery import API_VERSIONS, root_of
from dnsguard.api.description.openapi3 import document, plain
from dnsguard.resources import KINDS
from dnsguard.resources.schemas import schema_name
from tests.unit.api.conftest import V3

ACTIONS = {"get", "list", "post", "put", "patch", "delete", "deletecollection"}


def walk(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from walk(item)
    elif isinstance(value, list):
        for item in value:
            yield from walk(item)


@pytest.mark.parametrize("api_version", API_VERSIONS)
def test_a_document_holds_all_that_it_refers_to_and_nothing_beside_a_reference(api_version: str) -> None:
    made = document(api_version)
    for value in walk(made):
        if "$ref" in value:
            assert list(value) == ["$ref"]
            assert value["$ref"].rpartition("/")[2] in made["components"]["schemas"]
    assert not [value for value in walk(made["components"]) if value.get("type") == "null"]


@pytest.mark.parametrize("api_version", API_VERSIONS)
def test_every_kind_has_all_its_operations(api_version: str) -> None:
    made = document(api_version)
    of: dict[str, set[str]] = {}
    identifiers = []
    for operations in made["paths"].values():
        for operation in operations.values():
            of.setdefault(operation["x-kubernetes-group-version-kind"]["kind"], set()).add(
                operation["x-kubernetes-action"]
            )
            identifiers.append(operation["operationId"])
    kinds = [kind for kind in KINDS if kind.api_version == api_version]
    assert of == {kind.kind: ACTIONS for kind in kinds}
    assert len(set(identifiers)) == len(identifiers)
    for kind in kinds:
        described = made["components"]["schemas"][schema_name(kind)]
        assert "metadata" in described["properties"]
        assert described["x-kubernetes-group-version-kind"] == [
            {"group": kind.group, "version": kind.version, "kind": kind.kind}
        ]


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"$ref": "#/a", "description": "d", "properties": {}}, {"allOf": [{"$ref": "#/a"}], "description": "d"}),
        ({"anyOf": [{"type": "string"}, {"type": "null"}], "description": "d"}, {"type": "string", "description": "d"}),
        ({"type": "object", "additionalProperties": False}, {"type": "object"}),
        (
            {"type": "object", "additionalProperties": {"type": "string"}},
            {"type": "object", "additionalProperties": {"type": "string"}},
        ),
        (
            {"type": "array", "items": {"type": "string"}},
            {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "atomic"},
        ),
    ],
)
def test_the_dialect(schema: dict[str, Any], said: dict[str, Any]) -> None:
    assert plain(schema) == said


async def test_who_has_a_document_gets_no_other(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi/v3")).json()["paths"]
    url = paths[V3.removeprefix("/")]["serverRelativeURL"]
    first = await client.get(url)
    assert first.json()["openapi"].startswith("3.0.")
    assert "immutable" in first.headers["cache-control"]
    assert "no-cache" in (await client.get(f"/openapi/v3{V3}")).headers["cache-control"]
    again = await client.get(url, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert (await client.get(url, headers={"If-None-Match": '"other"'})).status_code == 200
    digests = {entry["serverRelativeURL"].partition("=")[2] for entry in paths.values()}
    assert len(digests) == len(API_VERSIONS)
    assert set(paths) == {root_of(each).removeprefix("/") for each in API_VERSIONS}


async def test_nobody_is_answered_in_a_form_that_he_cannot_read(client: httpx.AsyncClient) -> None:
    """Clients that would have protocol buffers alone turn to OpenAPI v2 then."""
    accept = {"Accept": "application/com.github.proto-openapi.spec.v3@v1.0+protobuf"}
    assert (await client.get(f"/openapi/v3{V3}", headers=accept)).status_code == 406
