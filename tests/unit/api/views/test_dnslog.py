"""The DNS log under `/v1/dns-log`."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.requests import Request
from starlette.types import Message

from dnsguard.api.services import ADMIN, DnsLogQuestion
from dnsguard.api.views.dnslog import answer_dns_log
from dnsguard.api.views.followers import Followers
from tests.unit.api.conftest import FakeDnsLog


async def test_the_newest_records_one_object_a_line(client: httpx.AsyncClient) -> None:
    response = await client.get("/v1/dns-log?last=7&client=shop/web&name=*.example.org")
    assert (response.status_code, response.headers["content-type"]) == (200, "application/x-ndjson")
    assert [json.loads(line) for line in response.text.splitlines()] == [
        {"type": "LOG", "last": 7, "client": "shop/web"},
        {"type": "LOG"},
    ]


async def test_following_goes_on_with_what_comes(client: httpx.AsyncClient) -> None:
    async with client.stream("GET", "/v1/dns-log?follow=true&denied=1") as response:
        lines = [json.loads(line) async for line in response.aiter_lines()]  # none of them is empty
    assert lines[0] == {"type": "LOG", "last": 100, "client": ""}
    assert lines[-1] == {"type": "UNLOGGED", "count": 1}


async def test_the_head_of_what_is_followed_waits_until_nothing_is_missed() -> None:
    subscribed = asyncio.Event()
    sent: asyncio.Queue[Message] = asyncio.Queue()

    class Slow(FakeDnsLog):
        async def follow(self, question: DnsLogQuestion) -> AsyncIterator[str]:
            return self._once_subscribed(f'{{"last":{question.last}}}')

        async def _once_subscribed(self, line: str) -> AsyncIterator[str]:
            await subscribed.wait()
            yield ""
            yield line

    scope: dict[str, object] = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "query_string": b"follow=true",
        "headers": [],
    }
    scope["state"] = {"caller": ADMIN}
    response = await answer_dns_log(Slow(), Request(scope), Followers())
    answering = asyncio.create_task(response(scope, asyncio.Event().wait, sent.put))  # type: ignore[arg-type]
    for _ in range(20):
        await asyncio.sleep(0)
    assert sent.empty()
    subscribed.set()
    told = [await sent.get() for _ in range(2)]
    answering.cancel()
    assert [message["type"] for message in told] == ["http.response.start", "http.response.body"]
    assert told[1]["body"] == b'{"last":100}\n'


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
