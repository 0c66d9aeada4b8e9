"""Who asks for records is shown the newest, and those that come."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from dnsguard.api.services import PacketQuestion, ReadModelUnavailable, UnknownEndpoint
from dnsguard.controller.denied.model import PacketsModel
from dnsguard.controller.denied.shown import MOST, RECENT, WAITING, Shown
from dnsguard.observe.packetrecord import WantedPackets
from tests.unit.observe.test_packetrecord import EGRESS, record

ALL = WantedPackets()


def put(shown: Shown, *names: str) -> None:
    for name in names:
        shown.put(record(party=EGRESS._replace(endpoint=name)), name)


async def some(lines: AsyncIterator[str], count: int) -> list[str]:
    return [await asyncio.wait_for(anext(lines), 10) for _ in range(count)]


def test_the_newest() -> None:
    shown = Shown()
    put(shown, "a", "b", "a", "c")
    assert shown.newest(ALL, 2) == ["a", "c"]
    assert shown.newest(WantedPackets.of("a"), 9) == ["a", "a"]
    assert shown.newest(ALL, 0) == []
    put(shown, *["x"] * RECENT)
    assert shown.newest(WantedPackets.of("a"), 9) == []


async def test_following_begins_with_the_newest_and_goes_on() -> None:
    shown = Shown()
    put(shown, "a", "b")
    lines = shown.follow(WantedPackets.of("a"), 9)
    assert await some(lines, 1) == [""]
    put(shown, "b", "a")
    shown.announce("gap")
    assert await some(lines, 3) == ["a", "a", "gap"]
    shown.close()
    assert [line async for line in lines] == []


async def test_who_is_slow_is_told_what_is_missing_and_holds_up_nobody() -> None:
    shown = Shown()
    lines = shown.follow(ALL, 0)
    assert await some(lines, 1) == [""]
    put(shown, *["x"] * (WAITING + 5))
    assert json.loads((await some(lines, 1))[0])["count"] == 5


async def test_so_many_may_follow() -> None:
    shown = Shown()
    model = PacketsModel(shown, lambda _: None, is_off=False)
    following = [await model.follow(PacketQuestion(0)) for _ in range(MOST)]
    for each in following:
        assert await some(each, 1) == [""]
    with pytest.raises(ReadModelUnavailable):
        await model.follow(PacketQuestion(0))
    late = shown.follow(ALL, 0)
    assert json.loads((await some(late, 2))[1])["reason"] == f"{MOST} follow already"
    await following[0].aclose()  # type: ignore[attr-defined]
    assert await some(await model.follow(PacketQuestion(0)), 1) == [""]


async def test_what_cannot_be_answered() -> None:
    def check(client: str) -> None:
        raise UnknownEndpoint(client)

    with pytest.raises(UnknownEndpoint):
        await PacketsModel(Shown(), check, is_off=False).recent(PacketQuestion(1, "shop/nobody"))
    with pytest.raises(ReadModelUnavailable, match="packet_log is Off"):
        await PacketsModel(Shown(), check, is_off=True).recent(PacketQuestion(1))
