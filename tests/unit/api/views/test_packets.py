"""Denied packets under `/v1/denied`."""

import json

import httpx
import pytest


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("", {"last": 100, "client": "", "action": "Deny"}),
        ("?last=7&client=shop/web", {"last": 7, "client": "shop/web", "action": "Deny"}),
        ("?action=Log", {"last": 100, "client": "", "action": "Log"}),
        ("?action=All", {"last": 100, "client": "", "action": ""}),
    ],
)
async def test_the_newest_records_one_object_a_line(client: httpx.AsyncClient, query: str, asked: object) -> None:
    response = await client.get(f"/v1/denied{query}")
    assert (response.status_code, response.headers["content-type"]) == (200, "application/x-ndjson")
    first, second = map(json.loads, response.text.splitlines())
    assert first == {"type": "PACKET", **asked}  # type: ignore[dict-item]
    assert second == {"type": "PACKET"}


async def test_following_goes_on_with_what_comes(client: httpx.AsyncClient) -> None:
    async with client.stream("GET", "/v1/denied?follow=true") as response:
        lines = [json.loads(line) async for line in response.aiter_lines()]
    assert lines[-1] == {"type": "UNLOGGED", "count": 3}


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("last=many", "last: 'many' is no number of records: write 0 to 1024"),
        ("follow=on", "follow: 'on' is neither true nor false"),
        ("action=Allow", "action: 'Allow' is none of Deny, Log and All"),
        ("name=x", "name: there are last, client, action and follow"),
    ],
)
async def test_a_question_that_is_none_says_what_to_write(client: httpx.AsyncClient, query: str, message: str) -> None:
    response = await client.get(f"/v1/denied?{query}")
    assert (response.status_code, response.json()["message"]) == (400, message)


@pytest.mark.parametrize("follow", ["", "&follow=true"])
async def test_a_client_that_is_not_there_is_said_before_the_first_line(client: httpx.AsyncClient, follow: str) -> None:
    response = await client.get(f"/v1/denied?client=shop/nobody{follow}")
    assert (response.status_code, response.json()["message"]) == (404, "there is no endpoint 'shop/nobody'")


async def test_nobody_reads_it_without_a_token(client: httpx.AsyncClient) -> None:
    response = await client.get("/v1/denied", headers={"Authorization": "Bearer wrong"})
    assert response.status_code == 401


async def test_who_takes_events_follows_by_events(client: httpx.AsyncClient) -> None:
    async with client.stream("GET", "/v1/denied?last=7", headers={"Accept": "text/event-stream"}) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        events = (await response.aread()).decode().split("\n\n")
    assert events[0] == "retry: 2000\n: following"
    assert json.loads(events[1].partition("data: ")[2])["last"] == 7
    assert events[3].startswith("event: gap\ndata: ")
    back = {"Accept": "text/event-stream", "Last-Event-ID": "2026-01-02T03:04:05.678Z/1"}
    async with client.stream("GET", "/v1/denied?last=7", headers=back) as response:
        text = (await response.aread()).decode()
    assert '"last": 1024' in text  # as far back as there are records


async def test_so_many_of_one_caller_may_follow(client: httpx.AsyncClient) -> None:
    app = client._transport.app  # type: ignore[attr-defined]
    places = [await app.state.followers.enter("denied", "admin") for _ in range(4)]
    refused = await client.get("/v1/denied?follow=true")
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
    assert refused.json()["message"] == "admin follows this 4 times already: end one of them"
    places[0].leave()
    assert (await client.get("/v1/denied?follow=true")).status_code == 200
    assert (await client.get("/v1/denied?follow=true")).status_code == 200  # whose place is left when it ends
