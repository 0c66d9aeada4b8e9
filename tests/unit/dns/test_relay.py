import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest
from dnslib import DNSRecord
from hypothesis import given
from hypothesis import strategies as st

from dnsguard.dns.client import Client
from dnsguard.dns.codes import EDE_BLOCKED, EDE_NETWORK_ERROR, FORMERR, NOTIMP, NXDOMAIN, REFUSED, SERVFAIL
from dnsguard.dns.counters import Counters
from dnsguard.dns.hooks import Handled
from dnsguard.dns.message import Answer
from dnsguard.dns.relay import Leased, LeaseOutcome, Refusal, Relay, RelaySettings
from dnsguard.dns.scan import scan_answer
from dnsguard.dns.upstream.exchange import Done, Found, Unanswered
from dnsguard.dns.upstream.question import Question, encode
from tests.unit.dns.messages import answer_bytes, query_bytes

CLIENT = Client(b"\x0a\0\0\1", b"\x7f\0\0\1", "udp")
OTHER = CLIENT._replace(address=b"\x0a\0\0\2")
TCP = CLIENT._replace(transport="tcp")
GRANTED = LeaseOutcome(ok=True)
GOOD = "www.example.org 300 A 192.0.2.1"


class Stage:
    """A relay whose every neighbour is played by the test."""

    def __init__(self, settings: RelaySettings = RelaySettings()) -> None:  # noqa: B008 - frozen
        self.counters = Counters()
        self.questions: list[tuple[Question, Done]] = []
        self.judged: list[tuple[Client, bytes, int]] = []
        self.leases: list[tuple[Client, Answer, float, Leased]] = []
        self.refusal: Refusal | None = None
        self.judge_error: Exception | None = None
        self.outcome: LeaseOutcome | Exception | None = GRANTED
        self.relay = Relay(self.ask, self.judge, self.lease, settings, self.counters)

    def ask(self, question: Question, done: Done) -> None:
        self.questions.append((question, done))

    def judge(self, client: Client, name: bytes, qtype: int) -> Refusal | None:
        self.judged.append((client, name, qtype))
        if self.judge_error is not None:
            raise self.judge_error
        return self.refusal

    def lease(self, client: Client, answer: Answer, age: float, leased: Leased) -> None:
        self.leases.append((client, answer, age, leased))
        if isinstance(self.outcome, Exception):
            raise self.outcome
        if self.outcome is not None:
            leased(self.outcome)

    def query(self, data: bytes | None = None, client: Client = CLIENT) -> "list[bytes]":
        """Put a query in; the answers appear in the list."""
        answers: list[bytes] = []
        self.relay.handle(query_bytes() if data is None else data, client, lambda out: answers.append(bytes(out)))
        return answers

    def upstream(self, *records: str, index: int = -1, **form: Any) -> None:
        """Let the upstream answer."""
        question, done = self.questions[index]
        data = answer_bytes(encode(question, 99, question.name), *records, **form)
        done(Found(data, scan_answer(data, question.name, question.qtype), "192.0.2.53:53"))

    def ended(self) -> int:
        c = self.counters
        return c.released + c.refused + c.search_expansions + c.failed + c.rejected + c.dropped


@pytest.fixture
async def make() -> AsyncIterator[Callable[..., Stage]]:
    stages: list[Stage] = []

    def stage(**limits: Any) -> Stage:
        stages.append(Stage(replace(RelaySettings(), **limits)))
        return stages[-1]

    yield stage
    for made in stages:
        made.relay.close()
        assert made.counters.queries == made.ended() + made.relay.waiting


Make = Callable[..., Stage]


def parsed(answers: list[bytes]) -> Any:
    assert len(answers) == 1
    return DNSRecord.parse(answers[0])


def extended(answers: list[bytes]) -> int | None:
    for record in parsed(answers).ar:
        for option in record.rdata:
            if option.code == 15:
                return int.from_bytes(option.data[:2], "big")
    return None


async def test_the_way_of_a_query(make: Make) -> None:
    stage = make()
    answers = stage.query(query_bytes("WwW.example.ORG", ident=1234))
    assert stage.judged == [(CLIENT, b"\3www\7example\3org\0", 1)]
    assert answers == []
    stage.upstream(GOOD)
    record = parsed(answers)
    assert (record.header.id, record.header.qr, record.header.rcode) == (1234, 1, 0)
    assert answers[0][13:16] == b"WwW"
    assert [str(rr.rdata) for rr in record.rr] == ["192.0.2.1"]
    assert stage.leases[0][0] == CLIENT
    assert stage.leases[0][1].addresses[0].address == b"\xc0\0\2\1"
    assert stage.leases[0][2] == 0
    assert (stage.counters.released, stage.counters.released_cached) == (1, 0)


async def test_nothing_is_released_before_its_lease(make: Make) -> None:
    stage = make()
    stage.outcome = None
    answers = stage.query()
    stage.upstream(GOOD)
    assert answers == []
    assert stage.relay.waiting == 1
    stage.leases[0][3](GRANTED)
    assert len(answers) == 1
    assert stage.relay.waiting == 0


FAILURES = {
    "not ok": (LeaseOutcome(ok=False, extended=14, text="no"), "lease_failed"),
    "raises": (RuntimeError("boom"), "hook_errors"),
}


@pytest.mark.parametrize(("outcome", "counter"), FAILURES.values(), ids=FAILURES.keys())
@pytest.mark.parametrize("cached", [False, True])
async def test_a_failed_lease_is_servfail(
    make: Make, outcome: LeaseOutcome | Exception, counter: str, cached: bool
) -> None:
    stage = make()
    if cached:
        stage.query()
        stage.upstream(GOOD)
    stage.outcome = outcome
    answers = stage.query(query_bytes(edns=1232))
    if not cached:
        stage.upstream(GOOD)
    assert parsed(answers).header.rcode == SERVFAIL
    assert parsed(answers).rr == []
    assert extended(answers) == 14
    assert getattr(stage.counters, counter) == 1


async def test_a_lease_that_misses_its_deadline_is_servfail_and_stays_it(make: Make) -> None:
    stage = make(commit_deadline=0.01)
    stage.outcome = None
    released = asyncio.Event()
    answers: list[bytes] = []

    def respond(out: bytes | bytearray) -> None:
        answers.append(bytes(out))
        released.set()

    stage.relay.handle(query_bytes(edns=1232), CLIENT, respond)
    stage.upstream(GOOD)
    await released.wait()
    assert parsed(answers).header.rcode == SERVFAIL
    assert extended(answers) == 14
    stage.leases[0][3](GRANTED)
    stage.leases[0][3](GRANTED)
    assert len(answers) == 1
    assert (stage.counters.lease_deadline, stage.counters.lease_late) == (1, 2)


async def test_a_second_report_of_a_lease_changes_nothing(make: Make) -> None:
    stage = make()
    answers = stage.query()
    stage.upstream(GOOD)
    stage.leases[0][3](LeaseOutcome(ok=False))
    assert len(answers) == 1
    assert stage.counters.lease_late == 1


@pytest.mark.parametrize(("max_ttl", "told"), [(None, 300), (400, 300), (30, 30), (0, 0), (-5, 0)])
async def test_the_client_is_told_no_longer_than_its_lease(make: Make, max_ttl: int | None, told: int) -> None:
    stage = make()
    stage.outcome = LeaseOutcome(ok=True, max_ttl=max_ttl)
    answers = stage.query()
    stage.upstream("www.example.org 600 CNAME a.example.net", "a.example.net 300 A 192.0.2.1")
    assert parsed(answers).rr[1].ttl == told
    assert parsed(answers).rr[0].ttl == (600 if max_ttl is None else min(600, max(max_ttl, 0)))


async def test_a_cached_answer_is_leased_again_for_each_client(make: Make) -> None:
    stage = make()
    stage.query()
    stage.upstream(GOOD)
    answers = stage.query(client=OTHER)
    assert len(stage.questions) == 1
    assert [lease[0] for lease in stage.leases] == [CLIENT, OTHER]
    assert stage.leases[0][1] is stage.leases[1][1]
    assert stage.leases[1][2] > 0
    assert parsed(answers).rr[0].ttl <= 300
    assert stage.counters.released_cached == 1


async def test_equal_questions_in_flight_are_asked_once_and_leased_for_each(make: Make) -> None:
    stage = make()
    waiting = [stage.query(query_bytes(ident=i), client) for i, client in enumerate([CLIENT, OTHER, CLIENT])]
    assert len(stage.questions) == 1
    stage.upstream(GOOD)
    assert [parsed(answers).header.id for answers in waiting] == [0, 1, 2]
    assert [lease[0] for lease in stage.leases] == [CLIENT, OTHER, CLIENT]
    assert stage.counters.coalesced == 2


DIFFERENT = {
    "type": query_bytes(qtype="AAAA"),
    "name": query_bytes("mail.example.org"),
    "DO": query_bytes(edns=1232, do=True),
    "CD": (lambda q: q[:3] + bytes([q[3] | 0x10]) + q[4:])(query_bytes()),
    "AD": (lambda q: q[:3] + bytes([q[3] | 0x20]) + q[4:])(query_bytes()),
    "RD": (lambda q: q[:2] + bytes([q[2] & 0xFE]) + q[3:])(query_bytes()),
}


@pytest.mark.parametrize("data", DIFFERENT.values(), ids=DIFFERENT.keys())
async def test_what_changes_the_answer_is_asked_anew(make: Make, data: bytes) -> None:
    stage = make()
    stage.query()
    stage.upstream(GOOD)
    stage.query(data)
    assert len(stage.questions) == 2


SAME = {"casing": query_bytes("WWW.Example.org"), "EDNS": query_bytes(edns=4096), "ID": query_bytes(ident=9)}


@pytest.mark.parametrize("data", SAME.values(), ids=SAME.keys())
async def test_what_does_not_is_answered_from_the_cache(make: Make, data: bytes) -> None:
    stage = make()
    stage.query()
    stage.upstream(GOOD)
    assert len(stage.query(data)) == 1
    assert len(stage.questions) == 1


@pytest.mark.parametrize("edns", [0, 1232])
async def test_opt_comes_back_if_and_only_if_it_was_sent(make: Make, edns: int) -> None:
    stage = make()
    answers = stage.query(query_bytes(edns=edns))
    stage.upstream(GOOD)
    assert [rr.rtype for rr in parsed(answers).ar] == ([41] if edns else [])
    assert [rr.rtype for rr in parsed(stage.query(query_bytes(edns=edns))).ar] == ([41] if edns else [])


async def test_an_answer_without_addresses_needs_no_lease(make: Make) -> None:
    stage = make()
    stage.outcome = RuntimeError("never called")
    answers = stage.query()
    stage.upstream(rcode=NXDOMAIN)
    assert parsed(answers).header.rcode == NXDOMAIN


async def test_a_refused_query_goes_no_further(make: Make) -> None:
    stage = make()
    stage.query()
    stage.upstream(GOOD)
    stage.refusal = Refusal(text="not for you")
    answers = stage.query(query_bytes(edns=1232))
    assert parsed(answers).header.rcode == REFUSED
    assert extended(answers) == 18
    assert len(stage.leases) == 1
    assert stage.counters.refused == 1


async def test_a_refusal_may_be_one_that_caches_keep_and_one_that_is_no_denial(make: Make) -> None:
    stage = make()
    stage.refusal = Refusal(NXDOMAIN, EDE_BLOCKED, "not for you", 5)
    answers = stage.query(query_bytes(edns=1232))
    (soa,) = parsed(answers).auth
    assert (parsed(answers).header.rcode, extended(answers), soa.ttl) == (NXDOMAIN, EDE_BLOCKED, 5)
    stage.refusal = stage.refusal._replace(is_denial=False)
    assert parsed(stage.query()).header.rcode == NXDOMAIN
    assert (stage.counters.refused, stage.counters.search_expansions) == (1, 1)


async def test_a_judge_that_fails_lets_nothing_pass(make: Make) -> None:
    stage = make()
    stage.judge_error = RuntimeError("boom")
    assert parsed(stage.query()).header.rcode == SERVFAIL
    assert stage.questions == []


async def test_without_upstream_it_is_servfail(make: Make) -> None:
    stage = make()
    answers = stage.query(query_bytes(edns=1232))
    stage.questions[0][1](Unanswered(EDE_NETWORK_ERROR, "nobody there"))
    assert parsed(answers).header.rcode == SERVFAIL
    assert extended(answers) == EDE_NETWORK_ERROR


async def test_each_query_that_no_upstream_answered_is_counted_as_such_and_a_servfail_of_its_own_is_not(
    make: Make,
) -> None:
    stage = make()
    stage.query()
    stage.query(client=OTHER)
    stage.questions[0][1](Unanswered(EDE_NETWORK_ERROR, "nobody there"))
    assert (stage.counters.failed_upstream, stage.counters.failed) == (2, 2)
    stage.query()
    stage.upstream(rcode=SERVFAIL)
    stage.outcome = LeaseOutcome(ok=False, text="the kernel refuses")
    stage.query(query_bytes("other.example.org"))
    stage.upstream("other.example.org 300 A 192.0.2.2")
    assert (stage.counters.failed_upstream, stage.counters.failed) == (2, 3)
    assert stage.counters.upstream_servfail == 1


DROPPED = {"nothing": b"", "eleven octets": query_bytes()[:11], "an answer": answer_bytes(query_bytes(), GOOD)}


@pytest.mark.parametrize("data", DROPPED.values(), ids=DROPPED.keys())
async def test_what_is_no_query_has_no_answer(make: Make, data: bytes) -> None:
    stage = make()
    assert stage.query(data) == []
    assert stage.counters.dropped == 1


PLAIN = query_bytes()
REJECTED = {
    "UPDATE": (PLAIN[:2] + b"\x28" + PLAIN[3:], NOTIMP),
    "NOTIFY": (PLAIN[:2] + b"\x20" + PLAIN[3:], NOTIMP),
    "header only": (PLAIN[:12], FORMERR),
    "two questions": (PLAIN[:4] + b"\0\2" + PLAIN[6:] + PLAIN[12:], FORMERR),
    "bytes after it": (PLAIN + b"\0", FORMERR),
    "CHAOS": (PLAIN[:-1] + b"\3", NOTIMP),
    "class ANY": (PLAIN[:-1] + b"\xff", NOTIMP),
    "AXFR": (PLAIN[:-3] + b"\xfc\0\1", NOTIMP),
    "EDNS version 1": (query_bytes(edns=1232)[:-6] + b"\0\1\0\0\0\0", 0),
}


@pytest.mark.parametrize(("data", "rcode"), REJECTED.values(), ids=REJECTED.keys())
async def test_what_is_not_for_us_is_rejected(make: Make, data: bytes, rcode: int) -> None:
    stage = make()
    record = parsed(stage.query(data))
    assert record.header.rcode == rcode
    assert record.header.id == 4711
    assert stage.questions == []
    assert stage.judged == []
    assert stage.counters.rejected == 1


async def test_edns_versions_beyond_ours_are_badvers(make: Make) -> None:
    record = parsed(make().query(REJECTED["EDNS version 1"][0]))
    assert record.ar[0].ttl >> 24 == 1


async def test_limits_for_one_client_and_for_all(make: Make) -> None:
    stage = make(max_in_flight=3, max_in_flight_per_client=2)
    for i in range(2):
        assert stage.query(query_bytes(f"n{i}.example.org")) == []
    assert parsed(stage.query()).header.rcode == REFUSED
    assert stage.query(client=OTHER) == []
    assert parsed(stage.query(client=OTHER._replace(address=b"\x0a\0\0\3"))).header.rcode == SERVFAIL
    assert (stage.counters.over_client_limit, stage.counters.over_limit) == (1, 1)
    for index in range(3):
        stage.upstream(index=index)
    assert stage.relay.waiting == 0
    assert stage.query(query_bytes("later.example.org")) == []


MANY = [f"www.example.org 300 A 192.0.2.{i}" for i in range(1, 101)]


@pytest.mark.parametrize(
    ("client", "edns", "fitting"),
    [(CLIENT, 0, 29), (CLIENT, 1232, 74), (CLIENT, 4096, 74), (TCP, 0, 100), (TCP, 1232, 100)],
)
async def test_what_does_not_fit_is_truncated_but_leased(make: Make, client: Client, edns: int, fitting: int) -> None:
    stage = make()
    answers = stage.query(query_bytes(edns=edns), client)
    stage.upstream(*MANY)
    record = parsed(answers)
    assert bool(record.header.tc) == (fitting < 100)
    assert len(record.rr) == fitting
    assert bool(record.ar) == bool(edns)
    assert len(stage.leases[0][1].addresses) == 100


@pytest.mark.parametrize(
    ("records", "edns", "fits"), [(29, 0, True), (30, 0, False), (74, 1232, True), (75, 1232, False)]
)
async def test_the_size_at_which_it_no_longer_fits(make: Make, records: int, edns: int, fits: bool) -> None:
    stage = make()
    answers = stage.query(query_bytes(edns=edns))
    stage.upstream(*MANY[:records])
    assert bool(parsed(answers).header.tc) != fits


async def test_closing_answers_what_is_held(make: Make) -> None:
    stage = make()
    stage.outcome = None
    answers = stage.query()
    stage.upstream(GOOD)
    stage.relay.close()
    assert parsed(answers).header.rcode == SERVFAIL


@given(st.lists(st.binary(max_size=120), max_size=20))
def test_any_bytes_have_a_well_formed_answer_or_none(tails: list[bytes]) -> None:
    async def check() -> None:
        stage = Stage()
        for tail in tails:
            for data in (tail, PLAIN[:12] + tail, query_bytes(edns=1232)[:-2] + tail):
                for answer in stage.query(data):
                    assert answer[2] & 0x80  # not by dnslib, which reads no label with octets above 127
                    assert answer[:2] == data[:2]
        for index in range(len(stage.questions)):
            stage.upstream(index=index)
        assert stage.counters.queries == stage.ended()
        assert stage.counters.hook_errors == 0

    asyncio.run(check())


# What goes out again as it is.


def ignore(_: Handled) -> None:
    """Hears of it, and that is all."""


ONCE_MORE = LeaseOutcome(ok=True, again_until=float("inf"))


def ready(stage: Stage, data: bytes = PLAIN, client: Client = CLIENT) -> bytes | None:
    """What a listener would send by itself."""
    found = stage.relay.ready.of(client).get(data[2:])
    return data[:2] + found[0] if found is not None and found[1] > asyncio.get_running_loop().time() else None


async def cached(make: Make, outcome: LeaseOutcome = ONCE_MORE) -> Stage:
    stage = make()
    stage.outcome = outcome
    stage.query()
    stage.upstream(GOOD)
    return stage


async def test_an_answer_from_the_cache_is_ready_to_go_out_again_as_it_was(make: Make) -> None:
    stage = await cached(make)
    assert ready(stage) is None  # who asks once may never ask again
    assert stage.query() == [ready(stage)]
    assert ready(stage, client=OTHER) is None
    assert ready(stage, query_bytes("WWW.example.org")) is None
    assert ready(stage, query_bytes(edns=1232)) is None


@pytest.mark.parametrize("again_until", [0.0, 1.0])
async def test_it_is_not_when_its_lease_would_have_to_be_looked_at(make: Make, again_until: float) -> None:
    stage = await cached(make, LeaseOutcome(ok=True, again_until=again_until))
    stage.query()
    assert ready(stage) is None


async def test_it_is_not_longer_than_its_ttls_are_right(make: Make) -> None:
    stage = await cached(make)
    now = asyncio.get_running_loop().time()
    stage.query()
    assert now < stage.relay.ready.of(CLIENT)[PLAIN[2:]][1] <= now + 1


async def test_what_was_refused_or_asked_over_tcp_or_is_written_down_is_not_ready(make: Make) -> None:
    stage = await cached(make)
    stage.query(client=TCP)
    assert ready(stage, client=TCP) is None
    stage.refusal = Refusal()
    stage.query()
    assert ready(stage) is None
    stage.refusal = None
    stage.relay.observe = ignore
    stage.query()
    assert ready(stage) is None


async def test_nothing_is_ready_once_the_cache_is_cleared_or_somebody_wants_to_hear_of_all(make: Make) -> None:
    stage = await cached(make)
    stage.query()
    stage.relay.observe = ignore
    assert ready(stage) is None
    stage.relay.observe = None
    stage.query()
    assert ready(stage) is not None
    stage.relay.clear_cache()
    assert ready(stage) is None


async def test_what_waited_for_its_lease_is_not_ready_for_policy_may_have_changed_meanwhile(make: Make) -> None:
    stage = await cached(make)
    stage.outcome = None
    answers = stage.query()
    stage.relay.ready.clear()
    stage.leases[-1][3](ONCE_MORE)
    assert len(answers) == 1
    assert ready(stage) is None


# What is fetched before it is needed, and what is given when nothing can be fetched.


class Clock:
    """The loop's clock, moved by hand."""

    def __init__(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = asyncio.get_running_loop().time()
        monkeypatch.setattr(stage.relay, "_time", lambda: self.now)


async def test_in_the_last_tenth_of_its_life_an_answer_is_fetched_anew_once(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = make()
    clock = Clock(stage, monkeypatch)
    stage.query()
    stage.upstream(GOOD)
    clock.now += 269
    assert len(stage.query()) == 1
    assert len(stage.questions) == 1
    clock.now += 2
    assert len(stage.query()) == len(stage.query()) == 1
    assert len(stage.questions) == 2
    stage.upstream("www.example.org 300 A 192.0.2.2")
    clock.now += 100
    assert [str(rr.rdata) for rr in parsed(stage.query()).rr] == ["192.0.2.2"]
    assert (len(stage.questions), stage.counters.prefetched) == (2, 1)


async def test_who_asks_while_it_is_fetched_waits_for_that(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = make()
    clock = Clock(stage, monkeypatch)
    stage.query()
    stage.upstream(GOOD)
    clock.now += 299
    stage.query()
    clock.now += 2
    answers = stage.query()
    assert answers == []
    stage.upstream(GOOD)
    assert len(answers) == 1
    assert len(stage.questions) == 2


@pytest.mark.parametrize("limits", [{"prefetch": False}, {}], ids=["switched off", "too short a life"])
async def test_what_is_not_fetched_early(make: Make, monkeypatch: pytest.MonkeyPatch, limits: dict[str, bool]) -> None:
    stage = make(**limits)
    clock = Clock(stage, monkeypatch)
    ttl = 300 if limits else 9
    stage.query()
    stage.upstream(f"www.example.org {ttl} A 192.0.2.1")
    clock.now += ttl - 0.1
    assert len(stage.query()) == 1
    assert len(stage.questions) == 1


@pytest.mark.parametrize("silent", [True, False], ids=["no answer", "SERVFAIL"])
async def test_an_expired_answer_is_given_where_that_is_wanted_and_says_so(
    make: Make, monkeypatch: pytest.MonkeyPatch, silent: bool
) -> None:
    stage = make(serve_stale=3600.0)
    clock = Clock(stage, monkeypatch)
    stage.query()
    stage.upstream(GOOD)
    clock.now += 3800
    answers = stage.query(query_bytes(edns=1232))
    if silent:
        stage.questions[-1][1](Unanswered(EDE_NETWORK_ERROR, "nobody there"))
    else:
        stage.upstream(rcode=SERVFAIL)
    assert [(str(rr.rdata), rr.ttl) for rr in parsed(answers).rr] == [("192.0.2.1", 30)]
    assert extended(answers) == 3
    assert stage.leases[-1][2] == pytest.approx(3800)
    assert stage.counters.released_stale == 1
    clock.now += 200
    answers = stage.query()
    stage.questions[-1][1](Unanswered(EDE_NETWORK_ERROR, "nobody there"))
    assert parsed(answers).header.rcode == SERVFAIL


async def test_nor_may_a_stale_answer_be_kept_longer_than_its_lease(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = make(serve_stale=3600.0)
    clock = Clock(stage, monkeypatch)
    stage.query()
    stage.upstream(GOOD)
    clock.now += 400
    stage.outcome = LeaseOutcome(ok=True, max_ttl=7)
    answers = stage.query()
    stage.questions[-1][1](Unanswered(EDE_NETWORK_ERROR, "nobody there"))
    assert [rr.ttl for rr in parsed(answers).rr] == [7]


async def test_nothing_stale_is_given_unless_wanted(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = make()
    clock = Clock(stage, monkeypatch)
    stage.query()
    stage.upstream(GOOD)
    clock.now += 301
    answers = stage.query()
    stage.questions[-1][1](Unanswered(EDE_NETWORK_ERROR, "nobody there"))
    assert parsed(answers).header.rcode == SERVFAIL
