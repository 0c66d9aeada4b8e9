"""A worker's lease hook and its counterpart, over a real socket pair, with a hook of the test's at the other end."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from dnsguard.dns.client import Client
from dnsguard.dns.hooks import Leased, LeaseOutcome
from dnsguard.dns.message import Address, Answer
from dnsguard.forwarder.sharing.asking import Asking
from dnsguard.forwarder.sharing.desk import Desk
from dnsguard.forwarder.sharing.messages import COUNTERS, LEASE, OUTCOME, Reply, encode_reply

CLIENT = Client(b"\x0a\0\0\1", b"\x7f\0\0\1", "udp")
OTHER = CLIENT._replace(address=b"\x0a\0\0\2")
NAME = b"\3www\7example\3org\0"
FOREVER = float("inf")


def answer() -> Answer:
    return Answer(NAME, 1, 0, (Address(b"\xc0\0\2\1", 300, (NAME,), hint=False),), ())


class Pair:
    def __init__(self) -> None:
        self.asked: list[tuple[Client, Answer, float, Leased]] = []
        self.outcome: LeaseOutcome | None = LeaseOutcome(ok=True, max_ttl=300, again_until=FOREVER)
        self.gone = asyncio.Event()
        self.asking = Asking(self.gone.set)
        self.desk = Desk(self.lease)

    def lease(self, client: Client, facts: Answer, age: float, leased: Leased) -> None:
        self.asked.append((client, facts, age, leased))
        if self.outcome is not None:
            leased(self.outcome)

    async def leased(self, facts: Answer, client: Client = CLIENT, age: float = 0.0) -> LeaseOutcome:
        found: asyncio.Future[LeaseOutcome] = asyncio.get_running_loop().create_future()
        self.asking(client, facts, age, found.set_result)
        return await found

    async def asks(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.asked) < count:  # noqa: ASYNC110 - the hook under test sets no events
                await asyncio.sleep(0.001)


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    made = Pair()
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    await loop.create_connection(lambda: made.asking, sock=ours)
    await loop.create_connection(lambda: made.desk, sock=theirs)
    yield made
    made.asking.close()
    made.desk.close()
    await asyncio.sleep(0)


async def test_what_the_owner_says_is_the_outcome(pair: Pair) -> None:
    facts = answer()
    assert await pair.leased(facts, age=2.5) == pair.outcome
    client, asked, age, _ = pair.asked[0]
    assert (client.address, asked, age) == (CLIENT.address, facts, 2.5)
    pair.outcome = LeaseOutcome(ok=False, extended=14, text="the sets are full")
    assert await pair.leased(facts, OTHER) == pair.outcome


async def test_nothing_is_said_before_the_owner_has_said_it(pair: Pair) -> None:
    pair.outcome = None
    waiting = asyncio.ensure_future(pair.leased(answer()))
    await pair.asks(1)
    assert not waiting.done()
    pair.asked[0][3](LeaseOutcome(ok=True))
    assert (await waiting).ok


async def test_what_holds_for_a_while_is_asked_once_for_each_client_and_each_answer(pair: Pair) -> None:
    facts, same = answer(), answer()
    for _ in range(3):
        await pair.leased(facts)
    assert len(pair.asked) == 1
    await pair.leased(facts, OTHER)
    await pair.leased(same)
    assert len(pair.asked) == 3
    pair.asking.forget()
    await pair.leased(facts)
    assert len(pair.asked) == 4


UNLASTING = [LeaseOutcome(ok=True, again_until=0.0), LeaseOutcome(ok=False, again_until=FOREVER)]


@pytest.mark.parametrize("outcome", UNLASTING)
async def test_what_does_not_hold_is_asked_again(pair: Pair, outcome: LeaseOutcome) -> None:
    pair.outcome = outcome
    facts = answer()
    await pair.leased(facts)
    await pair.leased(facts)
    assert len(pair.asked) == 2


async def test_the_ttl_that_may_be_told_counts_down(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = answer()
    await pair.leased(facts)
    now = asyncio.get_running_loop().time()
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now + 10.5)
    assert (await pair.leased(facts)).max_ttl in (288, 289)
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now + 1000)
    assert (await pair.leased(facts)).max_ttl == 0


async def test_with_the_owner_gone_nothing_is_leased_and_the_worker_is_told(pair: Pair) -> None:
    pair.outcome = None
    waiting = asyncio.ensure_future(pair.leased(answer()))
    await pair.asks(1)
    pair.desk.close()
    assert not (await waiting).ok
    await pair.gone.wait()
    assert not (await pair.leased(answer())).ok


async def test_counters_reach_the_owner(pair: Pair) -> None:
    pair.asking.tell({"queries": 7})
    async with asyncio.timeout(10):
        while not pair.desk.counters:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    assert pair.desk.counters == {"queries": 7}


@pytest.mark.parametrize(
    ("kind", "body", "why"),
    [
        (OUTCOME, b"", "a message of kind 1 for the owner of the leases"),
        (LEASE, b"", "a lease request: "),
        (COUNTERS, b"[7]", "counters: "),
        (COUNTERS, b"\xff", "counters: "),
    ],
)
async def test_what_cannot_be_read_is_said_and_ends_the_connection(
    pair: Pair, caplog: pytest.LogCaptureFixture, kind: int, body: bytes, why: str
) -> None:
    pair.asking.send(kind, body)
    async with asyncio.timeout(10):
        await pair.gone.wait()
    assert f"a worker says what cannot be read: {why}" in caplog.text


async def test_an_outcome_that_nobody_asked_for_ends_the_connection(
    pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    pair.desk.send(OUTCOME, encode_reply(Reply(7, LeaseOutcome(ok=True))))
    async with asyncio.timeout(10):
        await pair.gone.wait()
    assert "the owner of the leases says what cannot be read: an outcome that was not asked for" in caplog.text


async def test_when_the_owner_forgets_what_it_said_and_what_it_was_asked_before_are_asked_again(pair: Pair) -> None:
    facts, waiting_for = answer(), answer()
    await pair.leased(facts)
    held, pair.outcome = pair.outcome, None
    waiting = asyncio.ensure_future(pair.leased(waiting_for))
    await pair.asks(2)
    pair.desk.forget()
    pair.asked[1][3](LeaseOutcome(ok=True, again_until=FOREVER))
    assert (await waiting).ok
    pair.outcome = held
    await pair.leased(facts)
    await pair.leased(waiting_for)
    assert len(pair.asked) == 4


async def test_who_keeps_more_than_outcomes_is_told_that_they_are_forgotten(pair: Pair) -> None:
    told = asyncio.Event()
    pair.asking.forgotten = told.set
    pair.desk.forget()
    async with asyncio.timeout(10):
        await told.wait()


async def test_answers_of_many_records_are_not_kept_without_end(pair: Pair) -> None:
    records = tuple(Address(i.to_bytes(4, "big"), 0, (NAME,), hint=False) for i in range(4000))
    kept = [Answer(NAME, 1, 0, records, ()) for _ in range(80)]
    for each in kept:
        await pair.leased(each)
    assert 0 < len(pair.asking._known) < 70


async def test_an_owner_that_says_nothing_is_asked_no_more_than_so_much(pair: Pair) -> None:
    pair.outcome = None
    facts, outcomes = answer(), list[LeaseOutcome]()
    for _ in range(20_000):
        pair.asking(CLIENT, facts, 0.0, outcomes.append)
    assert 0 < len(outcomes) < 10_000
    assert not any(outcome.ok for outcome in outcomes)


async def test_an_answer_that_cannot_be_leased_ends_nothing(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("boom")

    with monkeypatch.context() as patch:
        patch.setattr(pair.desk, "_lease", fail)
        assert not (await pair.leased(answer())).ok
    assert (await pair.leased(answer())).ok
