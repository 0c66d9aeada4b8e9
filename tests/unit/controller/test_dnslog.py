"""The DNS log as the API has it, over a real link."""

import asyncio
import json
from contextlib import aclosing
from pathlib import Path

import pytest

from dnsguard.api.services import DnsLogQuestion, ReadModelUnavailable, UnknownEndpoint
from dnsguard.api.views.followers import MOST as MOST_FOLLOWERS
from dnsguard.controller.dnslog import MOST, DnsLogModel
from dnsguard.forwarder.tails import MAX_TAILS
from dnsguard.link.messages import DnsLogQuery, DnsLogReply, DnsLogStop
from tests.unit.link.test_server import Forwarder, link
from tests.unit.link.test_tails import line

QUESTION = DnsLogQuestion(5, "shop/cart", "*.example.org", denied=True)


async def test_the_newest_are_asked_of_the_forwarders_and_then_it_is_over(tmp_path: Path) -> None:
    async with link(tmp_path) as made:
        forwarder = Forwarder(made.path)
        await made.join(forwarder)
        model = DnsLogModel(made.server, lambda _: None)
        asking = asyncio.create_task(model.recent(QUESTION))
        assert await forwarder.asked.get() == DnsLogQuery(1, 5, False, "shop/cart", "*.example.org", True)
        forwarder.client.tell(DnsLogReply(1, (line(1, "a"),), done=True))
        assert await asking == [line(1, "a")]
        assert await forwarder.asked.get() == DnsLogStop(1)


async def test_following_says_what_is_missing_and_ends_when_nobody_reads(tmp_path: Path) -> None:
    async with link(tmp_path) as made:
        forwarder = Forwarder(made.path)
        await made.join(forwarder)
        model = DnsLogModel(made.server, lambda _: None)
        lines = await model.follow(QUESTION)
        async with aclosing(lines):
            first = asyncio.ensure_future(anext(lines))
            await forwarder.asked.get()
            forwarder.client.tell(DnsLogReply(1, (line(1, "a"),), done=True))
            assert (await first, await anext(lines)) == ("", line(1, "a"))
            forwarder.client.tell(DnsLogReply(1, (line(2, "b"),), lost=7))
            gap = json.loads(await anext(lines))
            assert (gap["type"], gap["count"]) == ("UNLOGGED", 7)
            assert await anext(lines) == line(2, "b")
        assert await forwarder.asked.get() == DnsLogStop(1)


async def test_following_has_begun_once_every_forwarder_knows(tmp_path: Path) -> None:
    async with link(tmp_path) as made:
        first, second = Forwarder(made.path, "f1"), Forwarder(made.path, "f2")
        await made.join(first)
        await made.join(second)
        lines = await DnsLogModel(made.server, lambda _: None).follow(QUESTION)
        async with aclosing(lines):
            begun = asyncio.ensure_future(anext(lines))
            for forwarder in (first, second):
                assert not begun.done()
                await forwarder.asked.get()
                forwarder.client.tell(DnsLogReply(1, done=True))
            assert await begun == ""


async def test_the_end_of_the_server_ends_what_is_followed(tmp_path: Path) -> None:
    async with link(tmp_path) as made:
        forwarder = Forwarder(made.path)
        await made.join(forwarder)
        model = DnsLogModel(made.server, lambda _: None)
        reading = asyncio.create_task(_all(model))
        await forwarder.asked.get()
        model.close()
        assert await reading == [""]


async def _all(model: DnsLogModel) -> list[str]:
    return [each async for each in await model.follow(QUESTION)]


async def test_many_who_watch_at_once_disconnect_no_forwarder(tmp_path: Path) -> None:
    async with link(tmp_path) as made:
        forwarder = Forwarder(made.path)
        await made.join(forwarder)
        model = DnsLogModel(made.server, lambda _: None)
        reading = [asyncio.create_task(_all(model)) for _ in range(200)]
        while sum(not each.done() for each in reading) > 16:  # noqa: ASYNC110 - what is waited for is no event
            await asyncio.sleep(0.001)
        refused = [each for each in reading if each.done()]
        assert {str(each.exception()) for each in refused} == {"16 read the DNS log already"}
        with pytest.raises(ReadModelUnavailable, match="16 read the DNS log already"):
            await model.recent(QUESTION)
        model.close()
        await asyncio.gather(*reading, return_exceptions=True)
        assert len(made.server.forwarders) == 1
        asking = asyncio.create_task(model.recent(QUESTION))
        await asyncio.sleep(0)
        assert not asking.done()
        asking.cancel()


async def test_what_a_forwarder_refuses_is_said(tmp_path: Path) -> None:
    async with link(tmp_path) as made:
        forwarder = Forwarder(made.path)
        await made.join(forwarder)
        model = DnsLogModel(made.server, lambda _: None)
        reading = asyncio.create_task(_all(model))
        await forwarder.asked.get()
        forwarder.client.tell(DnsLogReply(1, problem="16 watch already"))
        _, gap = await reading
        assert json.loads(gap)["reason"] == "16 watch already"
        asking = asyncio.create_task(model.recent(QUESTION))
        await forwarder.asked.get()
        forwarder.client.tell(DnsLogReply(2, problem="bad domain"))
        with pytest.raises(ReadModelUnavailable, match="bad domain"):
            await asking


async def test_without_a_forwarder_or_with_a_client_that_is_none_nothing_is_asked(tmp_path: Path) -> None:
    def nobody(client: str) -> None:
        raise UnknownEndpoint(client)

    async with link(tmp_path) as made:
        with pytest.raises(ReadModelUnavailable, match="no forwarder"):
            await DnsLogModel(made.server, lambda _: None).recent(QUESTION)
        with pytest.raises(UnknownEndpoint, match="shop/cart"):
            await DnsLogModel(made.server, nobody).follow(QUESTION)


def test_those_who_follow_leave_room_for_those_who_only_ask() -> None:
    assert MOST_FOLLOWERS < MOST <= MAX_TAILS
