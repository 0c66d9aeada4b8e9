"""Verdicts on servers that clients ask past us: when they are asked for, what waits for them, when they are void."""

import asyncio
from collections.abc import Callable

import pytest

from dnsguard.dns.client import Client, Respond
from dnsguard.forwarder import rights as module
from dnsguard.forwarder.counters import ForwarderCounters
from dnsguard.forwarder.rights import Gate, Rights
from dnsguard.link.messages import AskedServer, AskingRight, RightsQuery, RightsReply
from tests.unit.controller.fakes import until
from tests.unit.leases.naive import packed

CART, WEB, STRANGER = "10.9.0.7", "10.9.0.8", "10.9.0.9"
OWNERS = {packed(CART): "shop/cart", packed(WEB): "shop/web"}
FAR, FARTHER = "198.51.100.53", "2001:db8::53"


class Desk:
    """A controller that answers when it is told to, and a relay that notes what comes."""

    def __init__(self, *, away: bool = False) -> None:
        self.away = away
        self.queries: list[RightsQuery] = []
        self.handled: list[str] = []
        self.counters = ForwarderCounters()
        self.rights = Rights(self._ask, self.counters)
        self.forgotten = 0
        self.rights.forgotten = self._forget
        self.gate = Gate(self._handle, self.rights, lambda: OWNERS)

    def _forget(self) -> None:
        self.forgotten += 1

    def _ask(self, query: RightsQuery) -> bool:
        self.queries.append(query)
        return not self.away

    def _handle(self, data: bytes, client: Client, respond: Respond) -> None:  # noqa: ARG002 - a handler's signature
        self.handled.append(data.decode())

    def query(self, text: str, source: str = CART, server: str = FAR) -> None:
        self.gate.handle(text.encode(), Client(packed(source), packed(server), "udp"), lambda _: None)

    def answer(self, *transports: str) -> None:
        """To the last question, the same for all that it names."""
        query = self.queries[-1]
        told = tuple(AskingRight(each.endpoint, each.server, transports) for each in query.asked)
        self.rights.answered(RightsReply(query.request, told))

    def allows(self, server: str = FAR, transport: str = "udp") -> bool:
        return self.rights.allows("shop/cart", packed(server), transport)


async def test_the_first_query_waits_for_the_verdict_and_the_next_ones_find_it() -> None:
    desk = Desk()
    desk.query("first")
    desk.query("second")
    assert (desk.handled, desk.queries) == ([], [RightsQuery(1, (AskedServer("shop/cart", FAR),))])
    desk.answer("udp")
    assert desk.handled == ["first", "second"]
    assert (desk.allows(), desk.allows(transport="tcp"), desk.allows(FARTHER)) == (True, False, False)
    desk.query("third")
    assert (desk.handled[-1], len(desk.queries)) == ("third", 1)


async def test_who_is_no_endpoint_is_not_asked_about() -> None:
    desk = Desk()
    desk.query("who am I", source=STRANGER)
    assert (desk.handled, desk.queries) == (["who am I"], [])


async def test_what_comes_while_a_question_is_open_travels_together_in_the_next() -> None:
    desk = Desk()
    desk.query("one")
    desk.query("two", server=FARTHER)
    desk.query("three", source=WEB)
    assert len(desk.queries) == 1
    desk.answer("udp", "tcp")
    assert desk.handled == ["one"]
    assert desk.queries[1:] == [RightsQuery(2, (AskedServer("shop/cart", FARTHER), AskedServer("shop/web", FAR)))]
    desk.answer()
    assert desk.handled == ["one", "two", "three"]
    assert not desk.allows(FARTHER)


async def test_other_policy_makes_void_what_was_said() -> None:
    desk = Desk()
    desk.query("one")
    desk.answer("udp")
    desk.rights.void()
    assert (desk.allows(), desk.forgotten) == (False, 1)
    desk.query("two")
    assert (desk.handled, len(desk.queries)) == (["one"], 2)
    desk.answer()
    assert (desk.handled, desk.allows()) == (["one", "two"], False)


async def test_a_controller_that_is_away_is_not_waited_for_and_what_it_said_still_counts() -> None:
    desk = Desk()
    desk.query("known")
    desk.answer("udp")
    desk.query("open", server=FARTHER)
    desk.rights.give_up()
    assert desk.handled == ["known", "open"]
    assert (desk.allows(), desk.allows(FARTHER)) == (True, False)
    desk.away = True
    desk.query("later", server=FARTHER)
    assert (desk.handled[-1], desk.counters.rights_unanswered) == ("later", 2)


async def test_a_controller_that_is_there_again_is_asked_anew() -> None:
    desk = Desk()
    desk.query("known")
    desk.answer("udp")
    desk.query("open", server=FARTHER)
    stale = desk.queries[-1]
    desk.rights.anew()
    assert (desk.allows(), desk.forgotten) == (False, 1)
    assert desk.queries[-1] == RightsQuery(3, (AskedServer("shop/cart", FARTHER),))
    told = AskingRight("shop/cart", FARTHER, ("udp",))
    desk.rights.answered(RightsReply(stale.request, (told,)))
    assert (desk.handled, desk.allows(FARTHER)) == (["known"], False)
    desk.answer("udp")
    assert (desk.handled, desk.allows(FARTHER)) == (["known", "open"], True)


async def test_nobody_waits_longer_than_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.01)
    desk = Desk()
    desk.query("late")
    desk.query("late too", server=FARTHER)
    await until(lambda: len(desk.handled) == 2)
    assert (desk.allows(), desk.counters.rights_unanswered) == (False, 2)
    desk.query("again")
    assert len(desk.queries) > 1


@pytest.mark.parametrize(
    ("limit", "flood"),
    [
        ("MOST_HELD", lambda desk, number: desk.query(f"{number}")),
        ("MOST_HELD_PER_CLIENT", lambda desk, number: desk.query(f"{number}")),
        ("MOST_SERVERS_PER_SECOND", lambda desk, number: desk.query(f"{number}", server=f"198.51.100.{number}")),
    ],
)
async def test_beyond_a_limit_queries_are_judged_without_a_verdict(
    monkeypatch: pytest.MonkeyPatch, limit: str, flood: Callable[[Desk, int], None]
) -> None:
    monkeypatch.setattr(module, limit, 3)
    desk = Desk()
    for number in range(5):
        flood(desk, number)
    assert (desk.handled, desk.counters.rights_unanswered) == (["3", "4"], 2)


async def test_one_client_leaves_room_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_HELD_PER_CLIENT", 3)
    desk = Desk()
    for number in range(5):
        desk.query(f"{number}")
    desk.query("other", source=WEB)
    assert "other" not in desk.handled
    desk.answer("udp")
    desk.answer("udp")
    assert desk.handled == ["3", "4", "0", "1", "2", "other"]
    desk.rights.void()
    desk.query("held again")
    assert "held again" not in desk.handled


async def test_verdicts_are_bounded_and_so_is_one_question(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_KNOWN", 3)
    monkeypatch.setattr(module, "MOST_AT_ONCE", 2)
    desk = Desk()
    for number in range(5):
        desk.query(f"{number}", server=f"198.51.100.{number}")
    while len(desk.handled) < 5:
        assert len(desk.queries[-1].asked) <= 2
        desk.answer("udp")
    assert sum(desk.allows(f"198.51.100.{number}") for number in range(5)) <= 3


async def test_when_closed_nothing_that_waits_goes_on() -> None:
    desk = Desk()
    desk.query("one")
    desk.rights.close()
    desk.answer("udp")
    await asyncio.sleep(0)
    assert desk.handled == []
