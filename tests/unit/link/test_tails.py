"""Records of the DNS log over the link: from all forwarders to each listener, and nobody waits for a slow one."""

import asyncio
from pathlib import Path

from dnsguard.link.messages import DnsLogQuery, DnsLogReply, DnsLogStop, SetUse, SetUses
from dnsguard.link.tails import WAITING, LogTail, Records
from tests.unit.link.test_server import ONE, Forwarder, link


def line(second: int, text: str) -> str:
    return f'{{"time":"2026-01-02T03:04:{second:02}.000Z","qname":"{text}"}}'


def tail(last: int = 10) -> tuple[LogTail, list[str]]:
    closed: list[str] = []
    return LogTail(DnsLogQuery(1, last, follow=True), lambda: closed.append("closed")), closed


async def test_what_was_before_is_put_together_in_order_of_time() -> None:
    made, _ = tail(last=3)
    for forwarder in (1, 2):
        made.asked(forwarder)
    waiting = asyncio.create_task(made.before(3600))
    made.take(1, DnsLogReply(1, (line(1, "a"), line(5, "d"))))
    made.take(2, DnsLogReply(1, (line(2, "b"), line(3, "c")), done=True))
    await asyncio.sleep(0)
    assert not waiting.done()
    made.take(1, DnsLogReply(1, done=True))
    assert await waiting == [line(2, "b"), line(3, "c"), line(5, "d")]


async def test_a_forwarder_that_is_gone_or_late_is_not_waited_for() -> None:
    made, _ = tail()
    made.asked(1)
    made.gone(1)
    assert await made.before(3600) == []
    made.asked(1)
    made.take(1, DnsLogReply(1, (line(1, "a"),)))
    assert await made.before(0.01) == [line(1, "a")]
    made.take(1, DnsLogReply(1, (line(2, "b"),), done=True))
    assert await made.next() == Records([line(2, "b")], 0)


async def test_a_slow_listener_loses_the_oldest_and_is_told_how_many() -> None:
    made, _ = tail()
    made.take(1, DnsLogReply(1, tuple(map(str, range(WAITING + 5))), lost=2))
    assert await made.next() == Records([str(number) for number in range(5, WAITING + 5)], 7)
    made.take(1, DnsLogReply(1, ("x",)))
    assert await made.next() == Records(["x"], 0)


async def test_it_ends_when_it_is_closed_once() -> None:
    made, closed = tail()
    waiting = asyncio.create_task(made.next())
    await asyncio.sleep(0)
    made.close()
    made.close()
    assert (await waiting, closed) == (None, ["closed"])


async def test_a_problem_ends_it() -> None:
    made, _ = tail()
    made.asked(1)
    made.take(1, DnsLogReply(1, problem="16 watch already"))
    assert (await made.before(3600), await made.next(), made.problem) == ([], None, "16 watch already")


async def test_every_forwarder_is_asked_and_told_when_it_is_over(tmp_path: Path) -> None:
    async with link(tmp_path) as made:
        first = Forwarder(made.path, "f1")
        await made.join(first)
        following = made.server.dns_log(5, follow=True, client="shop/cart", name="*.example.org", denied=True)
        once = made.server.dns_log(5, follow=False)
        assert await first.asked.get() == DnsLogQuery(1, 5, True, "shop/cart", "*.example.org", True)
        assert await first.asked.get() == DnsLogQuery(2, 5, False)
        first.client.tell(DnsLogReply(1, (line(1, "a"),), done=True))
        first.client.tell(DnsLogReply(2, (line(2, "b"),), done=True))
        assert (await following.before(10), await once.before(10)) == ([line(1, "a")], [line(2, "b")])
        second = Forwarder(made.path, "f2")
        await made.join(second)
        assert await second.asked.get() == DnsLogQuery(1, 0, True, "shop/cart", "*.example.org", True)
        second.client.tell(DnsLogReply(1, (line(3, "c"),)))
        assert await following.next() == Records([line(3, "c")], 0)
        following.close()
        assert await second.asked.get() == DnsLogStop(1)
        second.client.tell(DnsLogReply(1, (line(4, "late"),)))
        once.close()
        assert await first.asked.get() == DnsLogStop(1)
        assert await first.asked.get() == DnsLogStop(2)


async def test_uses_of_sets_are_told_once_and_all_to_who_comes_later(tmp_path: Path) -> None:
    a, b = SetUse("a", ("NetworkPolicy/shop/x",)), SetUse("b", ("NetworkPolicy/shop/y",))
    async with link(tmp_path) as made:
        first, second = Forwarder(made.path, "f1"), Forwarder(made.path, "f2")
        await made.join(first)
        made.server.tell_uses([a, b])
        made.server.tell_uses([])
        made.server.tell_uses([SetUse("a", ())])
        assert await first.asked.get() == SetUses((a, b))
        assert await first.asked.get() == SetUses((SetUse("a", ()),))
        await made.join(second)
        assert await second.asked.get() == SetUses((b,))


async def test_records_wait_at_the_forwarder_while_the_link_is_full_and_give_way_to_everything_else(
    tmp_path: Path,
) -> None:
    async with link(tmp_path) as made:
        forwarder = Forwarder(made.path)
        away = forwarder.client.has_room
        await made.join(forwarder)
        told = 0
        while forwarder.client.has_room:
            forwarder.client.tell(DnsLogReply(99, ("x",)))
            told += 1
        assert (away, told) == (False, 16)
        made.server.publish(ONE)
        assert await made.server.acknowledged(1, 10) == ()
