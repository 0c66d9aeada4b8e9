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
