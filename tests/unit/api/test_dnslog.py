"""The DNS log under `/v1/dns-log`."""

import json

import httpx
import pytest


async def test_the_newest_records_one_object_a_line(client: httpx.AsyncClient) -> None:
    response = await client.get("/v1/dns-log?last=7&client=shop/web&name=*.example.org")
    assert (response.status_code, response.headers["content-type"]) == (200, "application/x-ndjson")
    assert [json.loads(line) for line in response.text.splitlines()] == [
        {"type": "LOG", "last": 7, "client": "shop/web"},
        {"type": "LOG"},
    ]


async def test_following_goes_on_with_what_comes(client: httpx.AsyncClient) -> None:
    async with client.stream("GET", "/v1/dns-log?follow=true&denied=1") as response:
        lines = [json.loads(line) async for line in response.aiter_lines()]
    assert lines[0] == {"type": "LOG", "last": 100, "client": ""}
    assert lines[-1] == {"type": "UNLOGGED", "count": 1}


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("last=many", "last: 'many' is no number of records: write 0 to 1024"),
        ("last=-1", "last: '-1' is no number"),
        ("last=1025", "last: '1025' is no number"),
        ("last=٣", "last: '٣' is no number"),
        ("name=*.*", "name: bad domain '*.*': more than one wildcard"),
        ("denied=yes", "denied: 'yes' is neither true nor false"),
        ("follow=on", "follow: 'on' is neither"),
        ("watch=true", "watch: there are last, client, name, denied and follow"),
    ],
)
async def test_a_question_that_is_none_says_what_to_write(client: httpx.AsyncClient, query: str, message: str) -> None:
    response = await client.get(f"/v1/dns-log?{query}")
    assert (response.status_code, response.json()["reason"]) == (400, "BadRequest")
    assert response.json()["message"].startswith(message)


@pytest.mark.parametrize("follow", ["", "&follow=true"])
async def test_a_client_that_is_not_there_is_said_before_the_first_line(client: httpx.AsyncClient, follow: str) -> None:
    response = await client.get(f"/v1/dns-log?client=shop/nobody{follow}")
    assert (response.status_code, response.json()["message"]) == (404, "there is no endpoint 'shop/nobody'")


async def test_nobody_reads_it_without_a_token(client: httpx.AsyncClient) -> None:
    response = await client.get("/v1/dns-log", headers={"Authorization": "Bearer wrong"})
    assert response.status_code == 401
