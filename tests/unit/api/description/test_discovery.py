"""What clients ask first."""

import json
from typing import Any

import httpx
import pytest

from dnsguard.api.description.discovery import root_of
from dnsguard.resources import KINDS, Kind
from tests.unit.api.conftest import V3


async def test_groups_and_versions(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api")).json()["versions"] == ["v1"]
    calico, networking, rbac, dnsguard, *reviews = (await client.get("/apis")).json()["groups"]
    assert calico["preferredVersion"] == {"groupVersion": "projectcalico.org/v3", "version": "v3"}
    assert networking["preferredVersion"] == {"groupVersion": "networking.k8s.io/v1", "version": "v1"}
    assert (rbac["name"], dnsguard["name"]) == ("rbac.authorization.k8s.io", "dnsguard.io")
    assert [each["name"] for each in reviews] == ["authorization.k8s.io", "authentication.k8s.io"]
    for group in (calico, networking, rbac, dnsguard, *reviews):
        assert (await client.get(f"/apis/{group['name']}")).json() == {"kind": "APIGroup", "apiVersion": "v1", **group}
    assert (await client.get("/version")).json()["dnsguard"] == "1.2.3"


async def test_every_kind_is_listed_under_its_version(client: httpx.AsyncClient) -> None:
    listed = {
        (version, item["name"], item["kind"], item["namespaced"])
        for version, path in (
            ("v1", "/api/v1"),
            ("projectcalico.org/v3", V3),
            ("networking.k8s.io/v1", "/apis/networking.k8s.io/v1"),
            ("rbac.authorization.k8s.io/v1", "/apis/rbac.authorization.k8s.io/v1"),
            ("dnsguard.io/v1", "/apis/dnsguard.io/v1"),
        )
        for item in (await client.get(path)).json()["resources"]
    }
    assert listed == {*((kind.api_version, kind.plural, kind.kind, kind.namespaced) for kind in KINDS)}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.collection)
async def test_every_kind_is_served(client: httpx.AsyncClient, kind: Kind) -> None:
    root = f"/apis/{kind.api_version}" if kind.group else f"/api/{kind.api_version}"
    listed = await client.get(f"{root}/{kind.plural}")
    assert (listed.status_code, listed.json()["kind"]) == (200, f"{kind.kind}List")


async def test_openapi_tells_kubectl_that_fields_are_validated_here(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi/v3")).json()["paths"]
    assert set(paths) == {root_of(kind.api_version).removeprefix("/") for kind in KINDS}
    described = set()
    for entry in paths.values():
        document = (await client.get(entry["serverRelativeURL"])).json()
        for patch in (each["patch"] for each in document["paths"].values() if "patch" in each):
            assert "fieldValidation" in {parameter["name"] for parameter in patch["parameters"]}
            identity = patch["x-kubernetes-group-version-kind"]
            described.add((identity["group"], identity["version"], identity["kind"]))
            assert identity in [
                each for schema in document["components"]["schemas"].values() for each in _kinds(schema)
            ]
    assert described == {(kind.group, kind.version, kind.kind) for kind in KINDS}


async def test_old_clients_learn_of_each_kind_that_it_takes_a_dry_run(client: httpx.AsyncClient) -> None:
    answer = await client.get(
        "/openapi/v2", headers={"Accept": "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"}
    )
    (paths,) = _fields(answer.content)[8]
    described = set()
    for entry in _fields(paths)[2]:
        (path,), (item,) = _fields(entry)[1], _fields(entry)[2]
        patch = _fields(_fields(item)[8][0])
        named = []
        for parameter in patch[8]:
            for number in (1, 2, 3):
                (parameter,) = _fields(parameter)[number]
            named += _fields(parameter)[4]
        assert named == [b"dryRun", b"fieldValidation"]
        (any_,) = _fields(patch[13][0])[2]
        identity = json.loads(_fields(any_)[2][0])
        described.add((path.decode().split("/")[-2], identity["group"], identity["kind"]))
    assert described == {(kind.plural, kind.group, kind.kind) for kind in KINDS}


def _kinds(schema: dict[str, Any]) -> list[dict[str, str]]:
    named: list[dict[str, str]] = schema.get("x-kubernetes-group-version-kind", [])
    return named


def _fields(message: bytes) -> dict[int, list[bytes]]:
    """The length-delimited fields of a protocol buffer, by number."""
    found: dict[int, list[bytes]] = {}

    def varint() -> int:
        nonlocal message
        size = next(index for index, byte in enumerate(message) if byte < 0x80) + 1
        digits, message = message[:size], message[size:]
        return sum((byte & 0x7F) << 7 * index for index, byte in enumerate(digits))

    while message:
        tag = varint()
        assert tag & 7 == 2
        length = varint()
        found.setdefault(tag >> 3, []).append(message[:length])
        message = message[length:]
    return found
