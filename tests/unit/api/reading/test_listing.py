"""Lists in pages, at revisions, and as tables."""

import json
from typing import Any

import httpx
import pytest

from dnsguard.store.interface import Key, Object
from dnsguard.store.memory import MemoryStore
from tests.unit.api.conftest import SETS, V3, World, network_set
from tests.unit.api.test_kinds import failure

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


@pytest.fixture
def world() -> World:
    return World(store=MemoryStore(history=6))


def names(listed: Object) -> str:
    return "".join(item["metadata"]["name"] for item in listed["items"])


async def write(client: httpx.AsyncClient, letters: str) -> None:
    for letter in letters:
        body = network_set(letter)
        body["metadata"]["labels"] = {"vowel": str(letter in "aeiou").lower()}
        assert (await client.post(SETS, json=body)).status_code == 201


async def pages(client: httpx.AsyncClient, path: str, **query: str) -> list[Object]:
    """A list, page by page, as clients read it."""
    found = [(await client.get(path, params=query)).json()]
    while token := found[-1]["metadata"].get("continue"):
        found.append((await client.get(path, params={**query, "continue": token})).json())
    return found


async def test_a_list_in_pages_is_what_there_was_when_it_began(client: httpx.AsyncClient) -> None:
    await write(client, "abcde")
    first = (await client.get(SETS, params={"limit": "2"})).json()
    assert names(first) == "ab"
    assert first["metadata"]["remainingItemCount"] == 3
    await client.delete(f"{SETS}/a")
    await client.delete(f"{SETS}/d")
    await write(client, "f")
    query = {"limit": "2", "continue": first["metadata"]["continue"]}
    second = (await client.get(SETS, params=query)).json()
    third = (await client.get(SETS, params={"limit": "2", "continue": second["metadata"]["continue"]})).json()
    assert [names(page) for page in (second, third)] == ["cd", "e"]
    assert {page["metadata"]["resourceVersion"] for page in (first, second, third)} == {
        first["metadata"]["resourceVersion"]
    }
    assert set(third["metadata"]) == {"resourceVersion"}
    assert names((await client.get(SETS)).json()) == "bcef"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["abcde"]),
        ({"limit": "0"}, ["abcde"]),
        ({"limit": "5"}, ["abcde"]),
        ({"limit": "4"}, ["abcd", "e"]),
        ({"limit": "2", "labelSelector": "vowel=false"}, ["bc", "d"]),
        ({"limit": "1", "labelSelector": "vowel=true"}, ["a", "e"]),
        ({"limit": "1", "labelSelector": "vowel"}, ["a", "b", "c", "d", "e"]),
        ({"limit": "1", "fieldSelector": "metadata.name=c"}, ["c", ""]),
        ({"limit": "9", "fieldSelector": "metadata.namespace=ops"}, [""]),
    ],
)
async def test_pages_by_selector(client: httpx.AsyncClient, query: dict[str, str], expected: list[str]) -> None:
    await write(client, "abcde")
    for path in (SETS, f"{V3}/networksets"):
        found = await pages(client, path, **query)
        assert [names(page) for page in found] == expected
        if "labelSelector" in query:
            assert not any("remainingItemCount" in page["metadata"] for page in found)


async def test_a_token_is_of_use_for_its_list_only(client: httpx.AsyncClient) -> None:
    await write(client, "abc")
    token = (await client.get(SETS, params={"limit": "1", "labelSelector": "vowel"})).json()["metadata"]["continue"]
    for path, query in (
        (SETS, {"continue": token}),
        (SETS, {"continue": token, "labelSelector": "vowel=true"}),
        (f"{V3}/networksets", {"continue": token, "labelSelector": "vowel"}),
        (f"{V3}/namespaces/shop/networkpolicies", {"continue": token, "labelSelector": "vowel"}),
        (SETS, {"continue": f"B{token[1:]}", "labelSelector": "vowel"}),
        (SETS, {"continue": token[:-2], "labelSelector": "vowel"}),
        (SETS, {"continue": "é", "labelSelector": "vowel"}),
        (SETS, {"continue": "A" * 10_000, "labelSelector": "vowel"}),
    ):
        code, reason, message = failure(await client.get(path, params=query))
        assert (code, reason) == (400, "BadRequest"), path
        assert "token is not valid" in message
    assert (await client.get(SETS, params={"continue": token, "labelSelector": "vowel"})).status_code == 200


async def test_who_is_too_slow_may_begin_anew_or_go_on_with_what_there_is(client: httpx.AsyncClient) -> None:
    await write(client, "abc")
    token = (await client.get(SETS, params={"limit": "1"})).json()["metadata"]["continue"]
    await write(client, "defghij")
    refused = await client.get(SETS, params={"limit": "5", "continue": token})
    assert failure(refused)[:2] == (410, "Expired")
    token = refused.json()["metadata"]["continue"]
    await client.delete(f"{SETS}/b")
    rest = (await client.get(SETS, params={"limit": "5", "continue": token})).json()
    assert names(rest) == "cdefg"
    last = (await client.get(SETS, params={"continue": rest["metadata"]["continue"]})).json()
    assert names(last) == "hij"
    assert last["metadata"]["resourceVersion"] == rest["metadata"]["resourceVersion"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("resourceVersion=0", "abc"),
        ("resourceVersion=0&resourceVersionMatch=NotOlderThan", "abc"),
        ("resourceVersion={b}", "abc"),
        ("resourceVersion={b}&resourceVersionMatch=NotOlderThan&limit=2", "ab"),
        ("resourceVersion={b}&resourceVersionMatch=Exact", "ab"),
        ("resourceVersion={b}&limit=1", "a"),
        ("resourceVersion=1&resourceVersionMatch=Exact", (410, "Expired")),
        ("resourceVersion=999&resourceVersionMatch=Exact", (504, "Timeout")),
        ("resourceVersion=999", (504, "Timeout")),
        ("resourceVersion=x", (400, "BadRequest")),
        ("limit=x", (400, "BadRequest")),
        ("limit=-1", (400, "BadRequest")),
        ("resourceVersionMatch=Exact", (422, "Invalid")),
        ("resourceVersion=0&resourceVersionMatch=Exact", (422, "Invalid")),
        ("resourceVersion={b}&resourceVersionMatch=Near", (422, "Invalid")),
    ],
)
async def test_the_revision_of_a_list(client: httpx.AsyncClient, query: str, expected: Any) -> None:
    await write(client, "abc")
    b = (await client.get(f"{SETS}/b")).json()["metadata"]["resourceVersion"]
    response = await client.get(f"{SETS}?{query.format(b=b)}")
    if isinstance(expected, str):
        assert names(response.json()) == expected
    else:
        assert failure(response)[:2] == expected


async def test_a_table_has_a_row_for_each_object(client: httpx.AsyncClient) -> None:
    await write(client, "ab")
    for path, count in ((SETS, 2), (f"{SETS}/b", 1)):
        table = (await client.get(path, headers={"Accept": TABLE})).json()
        assert (table["kind"], table["apiVersion"], len(table["rows"])) == ("Table", "meta.k8s.io/v1", count)
        row = table["rows"][-1]
        titles = [(column["name"], column["priority"]) for column in table["columnDefinitions"]]
        assert titles == [("Name", 0), ("Nets", 0), ("Domains", 0), ("Enforced", 0), ("Age", 0)]
        assert row["cells"] == ["b", "1", "0", "-", "0s"]
        assert row["object"]["kind"] == "PartialObjectMetadata"
        assert row["object"]["metadata"]["name"] == "b"
        assert "spec" not in row["object"]


@pytest.mark.parametrize(
    ("included", "fields"),
    [
        ("None", None),
        ("Metadata", {"kind", "apiVersion", "metadata"}),
        ("Object", {"kind", "apiVersion", "metadata", "spec"}),
    ],
)
async def test_what_a_row_carries(client: httpx.AsyncClient, included: str, fields: set[str] | None) -> None:
    await write(client, "a")
    accept = "application/json;as=Table;g=meta.k8s.io;v=v1beta1"
    table = (await client.get(f"{SETS}?includeObject={included}", headers={"Accept": accept})).json()
    assert table["apiVersion"] == "meta.k8s.io/v1beta1"
    carried = table["rows"][0].get("object")
    assert (set(carried) if carried else None) == fields
    assert failure(await client.get(f"{SETS}?includeObject=All"))[0] == 400


async def test_a_table_comes_in_pages(client: httpx.AsyncClient) -> None:
    await write(client, "abc")
    first = (await client.get(f"{SETS}?limit=2", headers={"Accept": TABLE})).json()
    assert first["metadata"]["remainingItemCount"] == 1
    query = {"continue": first["metadata"]["continue"]}
    assert [
        row["cells"][0] for row in (await client.get(SETS, params=query, headers={"Accept": TABLE})).json()["rows"]
    ] == ["c"]


async def test_metadata_only(client: httpx.AsyncClient) -> None:
    await write(client, "a")
    accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
    listed = (await client.get(SETS, headers={"Accept": accept})).json()
    assert (listed["kind"], listed["apiVersion"]) == ("PartialObjectMetadataList", "meta.k8s.io/v1")
    assert set(listed["items"][0]) == {"kind", "apiVersion", "metadata"}
    one = (await client.get(f"{SETS}/a", headers={"Accept": accept.replace("List", "")})).json()
    assert one == listed["items"][0]


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("application/json;as=Table;v=v2;g=meta.k8s.io, application/json", "NetworkSetList"),
        ("application/json;as=Chart;v=v1;g=meta.k8s.io, application/json", "NetworkSetList"),
        ("application/json;q=0.5, application/json;as=Table;v=v1;g=meta.k8s.io", "Table"),
        ("application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io,*/*", "NetworkSetList"),
        ("application/json;as=Table;v=v1;g=other.example.org", 406),
        ("application/json;as=Table;v=v1;g=meta.k8s.io;q=0", 406),
        ("application/vnd.kubernetes.protobuf", 406),
    ],
)
async def test_the_form_that_is_liked_best(client: httpx.AsyncClient, accept: str, kind: str | int) -> None:
    response = await client.get(SETS, headers={"Accept": accept})
    assert (response.json()["kind"] if response.status_code == 200 else response.status_code) == kind


async def test_a_table_in_yaml(client: httpx.AsyncClient) -> None:
    await write(client, "a")
    response = await client.get(SETS, headers={"Accept": "application/yaml;as=Table;v=v1;g=meta.k8s.io"})
    assert response.headers["content-type"].startswith("application/yaml")
    assert "kind: Table" in response.text


async def test_a_long_list_is_written_in_pieces_and_whole(world: World, client: httpx.AsyncClient) -> None:
    for number in range(250):
        value = {"metadata": {"name": f"n{number:03}", "namespace": "shop"}}
        await world.store.create(Key("networksets", "shop", f"n{number:03}"), value)
    response = await client.get(SETS)
    assert "content-length" not in response.headers
    assert [item["metadata"]["name"] for item in json.loads(response.content)["items"]] == [
        f"n{number:03}" for number in range(250)
    ]
