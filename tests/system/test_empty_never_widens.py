"""What is empty stays empty, and never opens anything, whatever way it takes through the API and the store.

Every row is written in every way into a store of its own; the store is closed and opened again, and what the controller
makes of it then is judged.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import yaml

from dnsguard.api.app import create_app
from dnsguard.api.authentication.tokens import HashedTokens, token_digest
from dnsguard.api.services import ADMIN, ReadModelUnavailable, Services
from dnsguard.controller.auditing.log import AuditLog
from dnsguard.controller.inputs import Inputs
from dnsguard.resources import Resource, kind_of, to_dict
from dnsguard.store.interface import Object, Store
from dnsguard.store.sqlite import SqliteStore
from tests.support.emptiness import Manifest, Probe, Row, passing, read_plainly, surroundings
from tests.support.emptyrows import ROWS

TOKEN = "tests-may-know-this-token-0123456789"
JSON = {"Content-Type": "application/json"}
YAML = {"Content-Type": "application/yaml"}

Write = Callable[[httpx.AsyncClient, Row], Awaitable[httpx.Response]]


async def _nobody(*_: object) -> Any:
    raise ReadModelUnavailable("not asked here")


def application(store: Store, audit: AuditLog) -> Any:
    """The API on a store, and nothing else of the program."""
    return create_app(
        Services(
            store=store,
            tokens=HashedTokens({ADMIN: token_digest(TOKEN)}),
            explain=_nobody,
            effective=_nobody,
            status=_nobody,
            endpoints=_nobody,
            leases=_nobody,
            names=_nobody,
            stats=_nobody,
            metrics=_nobody,
            dns_log=cast("Any", None),
            packets=cast("Any", None),
            audit=audit,
            version="0",
        )
    )


def collection(row: Row) -> str:
    """Where objects of the row's kind are created."""
    kind = kind_of(row.kind, row.api_version)
    scope = "/namespaces/shop" if kind.namespaced else ""
    return f"/apis/{kind.api_version}{scope}/{kind.plural}"


def at(row: Row) -> str:
    return f"{collection(row)}/{row.name}"


async def post_json(client: httpx.AsyncClient, row: Row) -> httpx.Response:
    return await client.post(collection(row), content=json.dumps(row.written(row.empty)), headers=JSON)


async def post_yaml(client: httpx.AsyncClient, row: Row) -> httpx.Response:
    return await client.post(collection(row), content=yaml.safe_dump(row.written(row.empty)), headers=YAML)


async def put_json(client: httpx.AsyncClient, row: Row) -> httpx.Response:
    await _filled(client, row)
    return await client.put(at(row), content=json.dumps(row.written(row.empty)), headers=JSON)


async def put_yaml(client: httpx.AsyncClient, row: Row) -> httpx.Response:
    await _filled(client, row)
    return await client.put(at(row), content=yaml.safe_dump(row.written(row.empty)), headers=YAML)


async def put_what_was_read(client: httpx.AsyncClient, row: Row) -> httpx.Response:
    await post_json(client, row)
    read = await client.get(at(row), headers={"Accept": "application/yaml"})
    await client.delete(at(row))
    kept = yaml.safe_load(read.content)
    del kept["metadata"]["resourceVersion"]
    return await client.post(collection(row), content=yaml.safe_dump(kept), headers=YAML)


async def merge(client: httpx.AsyncClient, row: Row) -> httpx.Response:
    await _filled(client, row)
    headers = {"Content-Type": "application/merge-patch+json"}
    return await client.patch(at(row), content=json.dumps(merge_patch(row)), headers=headers)


async def merge_as_kubectl_does(client: httpx.AsyncClient, row: Row) -> httpx.Response:
    await _filled(client, row)
    headers = {"Content-Type": "application/strategic-merge-patch+json"}
    return await client.patch(at(row), content=json.dumps(merge_patch(row)), headers=headers)


async def take_out(client: httpx.AsyncClient, row: Row) -> httpx.Response:
    """By JSON patches that take one item after another out, where that leaves what is wanted."""
    await _filled(client, row)
    headers = {"Content-Type": "application/json-patch+json"}
    return await client.patch(at(row), content=json.dumps(list(removals(row))), headers=headers)


WAYS: Mapping[str, Write] = {
    "POST of JSON": post_json,
    "POST of YAML": post_yaml,
    "PUT of JSON": put_json,
    "PUT of YAML": put_yaml,
    "POST of what was read": put_what_was_read,
    "merge patch": merge,
    "strategic merge patch": merge_as_kubectl_does,
    "JSON patch": take_out,
}


async def _filled(client: httpx.AsyncClient, row: Row) -> None:
    answer = await client.post(collection(row), json=row.written(row.filled))
    assert answer.status_code == 201, answer.text


def merge_patch(row: Row) -> Manifest:
    """Down to the first list, which a merge patch replaces as a whole; members that went away are null."""
    depth = next((index for index, step in enumerate(row.path) if isinstance(step, int)), len(row.path))
    value: Any = row.written(row.empty)
    for step in row.path[:depth]:
        value = value[step]
    if isinstance(row.filled, dict) and depth == len(row.path):
        value = {**dict.fromkeys(row.filled), **value}
    for step in reversed(row.path[:depth]):
        value = {step: value}
    assert isinstance(value, dict)
    return value


def removals(row: Row) -> Iterator[Manifest]:
    """Operations that empty the place by taking out, or that put the value in where there is nothing to take out."""
    pointer = "".join(f"/{str(step).replace('/', '~1')}" for step in row.path)
    if isinstance(row.filled, str):
        yield {"op": "replace", "path": pointer, "value": row.empty}
    elif isinstance(row.filled, list):
        yield from ({"op": "remove", "path": f"{pointer}/0"} for _ in row.filled)
    else:
        for member, value in row.filled.items():
            inner = f"{pointer}/{member.replace('/', '~1')}"
            wanted = row.empty.get(member)
            if wanted == [] and len(value) == 1:
                yield {"op": "remove", "path": f"{inner}/0"}
            elif wanted is None:
                yield {"op": "remove", "path": inner}
            else:
                yield {"op": "replace", "path": inner, "value": wanted}
        yield from (
            {"op": "add", "path": f"{pointer}/{member}", "value": value}
            for member, value in row.empty.items()
            if member not in row.filled
        )


async def _written(folder: Path, write: Write) -> tuple[dict[str, Object], dict[str, Resource]]:
    """Every row written in one way: what the store holds after it was opened again, and what the controller reads."""
    store = await SqliteStore.open(folder / "store.db")
    audit = AuditLog(folder / "audit.jsonl")
    transport = httpx.ASGITransport(application(store, audit))
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://dnsguard.example", headers=headers) as client:
        tiers = {"apiVersion": "projectcalico.org/v3", "kind": "Tier", "metadata": {"name": "default"}}
        assert (await client.post("/apis/projectcalico.org/v3/tiers", json=tiers)).status_code == 201
        for row in ROWS:
            answer = await write(client, row)
            assert answer.is_success, f"{row.name}: {answer.status_code} {answer.text}"
    await store.close()
    audit.close()
    again = await SqliteStore.open(folder / "store.db")
    objects, revision = await again.list_objects()
    await again.close()
    before, after = Inputs(), Inputs()
    before.replace(objects, revision)
    after.remember(deepcopy(before.valid_objects))
    after.replace(objects, revision)
    assert not after.invalid
    return {each["metadata"]["name"]: each for each in objects}, {each.name: each for each in after.resources}


class Stores:
    """One for each way, written when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, tuple[dict[str, Object], dict[str, Resource]]] = {}
        self._judged: dict[tuple[str, str], frozenset[Probe]] = {}

    def __getitem__(self, way: str) -> tuple[dict[str, Object], dict[str, Resource]]:
        if way not in self._known:
            folder = self._folder / way.replace(" ", "-")
            folder.mkdir()
            self._known[way] = asyncio.run(_written(folder, WAYS[way]))
        return self._known[way]

    def passing(self, row: Row, resource: Resource) -> frozenset[Probe]:
        """What passes with this object; equal ones are judged once."""
        value = to_dict(resource)
        content = json.dumps([value["metadata"].get("labels"), value["spec"]], sort_keys=True)
        if (row.name, content) not in self._judged:
            self._judged[row.name, content] = passing([*surroundings(row), resource])
        return self._judged[row.name, content]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Stores:
    return Stores(tmp_path_factory.mktemp("stores"))


@pytest.mark.parametrize("way", WAYS)
def test_what_is_empty_lets_through_what_a_plain_reading_does(stores: Stores, way: str) -> None:
    _, resources = stores[way]
    assert [row.name for row in ROWS if stores.passing(row, resources[row.name]) != read_plainly(row)] == []


@pytest.mark.parametrize("way", WAYS)
def test_what_is_empty_is_stored_as_it_was_written(stores: Stores, way: str) -> None:
    objects, _ = stores[way]
    for row in ROWS:
        assert as_stored(objects[row.name], row) == row.written(row.empty), row.name


def as_stored(value: Object, row: Row) -> Object:
    """An object without what the server set or filled in, and nobody wrote."""
    written = row.written(row.empty)
    filled_in = {"types", "policyTypes"} - set(written.get("spec", {}))
    if isinstance(value.get("spec"), dict):
        value = {**value, "spec": {key: field for key, field in value["spec"].items() if key not in filled_in}}
    metadata = {key: field for key, field in value["metadata"].items() if key in written["metadata"]}
    if "labels" in metadata:
        metadata["labels"] = {
            key: label for key, label in metadata["labels"].items() if key in written["metadata"]["labels"]
        }
    if written["metadata"].get("labels") == {}:  # no labels are no labels: nothing is kept of them
        metadata.setdefault("labels", {})
    return {**value, "metadata": metadata}
