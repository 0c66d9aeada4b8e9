"""The load test of latency at a small size, and its generator: what is lost, refused or answered late is told apart."""

import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest
from dnslib import RCODE, RR, A, DNSRecord

from loadtest.dns.openloop import Found, Plan, command, found_in
from loadtest.latency import DIRECT, FIRST, WAYS, Row, Way, is_wrong, lines, measure

pytestmark = [pytest.mark.xdist_group("loadtest latency"), pytest.mark.timeout(300)]

SERVER = "127.0.0.9"
RATE = 100
Answer = Callable[[int, DNSRecord], DNSRecord | None]
"""(how often this question was asked before, question) → what comes back."""


@pytest.fixture(scope="module")
def ways(soak: float) -> Sequence[Way]:
    """One start of dnsguard and no others, where there is not time for all."""
    return WAYS if soak else (DIRECT, FIRST)


@pytest.fixture(scope="module")
def rows(ways: Sequence[Way]) -> list[Row]:
    return measure(ways, [RATE], 0.5, 1, lambda _: None)


def test_every_way_answers_every_look_up(rows: list[Row], ways: Sequence[Way]) -> None:
    assert [row.way for row in rows] == [way.name for way in ways]
    for row in rows:
        assert (row.asked, len(row.latencies), row.unanswered, row.failed, row.problem) == (50, 50, 0, 0, ""), row
        assert min(row.latencies) > 0
        assert not is_wrong(row, rows)


def test_the_report_has_every_row(rows: list[Row], ways: Sequence[Way]) -> None:
    text = "\n".join(lines(rows))
    for expected in (*(way.name for way in ways), "p99.9", "sent late", f"at {RATE} look-ups a second"):
        assert expected in text


def test_what_upstream_lost_is_not_blamed_on_us() -> None:
    ours, direct = Row(FIRST.name, RATE, [1], unanswered=1), Row(DIRECT.name, RATE, [1])
    assert is_wrong(ours, [direct, ours])
    direct.unanswered = 1
    assert not is_wrong(ours, [direct, ours])


@contextmanager
def server(answer: Answer) -> Iterator[None]:
    """A name server on the port of name servers, in the network of this test process."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind((SERVER, 53))
        seen: dict[str, int] = {}

        def serve() -> None:
            while True:
                data, client = listener.recvfrom(4096)
                if not data:
                    return
                query = DNSRecord.parse(data)
                name = str(query.q.qname)
                reply = answer(seen.get(name, 0), query)
                seen[name] = seen.get(name, 0) + 1
                if reply is not None:
                    listener.sendto(reply.pack(), client)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
                other.sendto(b"", (SERVER, 53))
            thread.join()


def asked(answer: Answer, retry_after: float = 0.0, count: int = 10) -> Found:
    plan = Plan(SERVER, "127.0.0.1", 0, RATE, count, "{0}.example", count, retry_after)
    with server(answer):
        done = subprocess.run(command(plan), capture_output=True, text=True, check=True)
    return found_in(done.stdout)


def good(query: DNSRecord) -> DNSRecord:
    reply = query.reply()
    reply.add_answer(RR(query.q.qname, rdata=A("192.0.2.1"), ttl=300))
    return reply


def number(query: DNSRecord) -> int:
    return int(query.q.qname.label[0])


def test_lost_and_refused_look_ups_are_told_apart() -> None:
    def answer(_: int, query: DNSRecord) -> DNSRecord | None:
        if number(query) == 3:
            return None
        reply = good(query)
        if number(query) == 5:
            reply.header.rcode = RCODE.SERVFAIL
        return reply

    found = asked(answer)
    assert [index for index, took in enumerate(found.answered) if took == 0] == [3]
    assert [index for index, took in enumerate(found.answered) if took == -1] == [5]
    assert len(found.late) == 10


def test_a_pause_is_felt_by_every_look_up_in_it() -> None:
    """The one that had to wait holds up none of those behind it: they are asked at their times."""
    held: list[DNSRecord] = []

    def answer(_: int, query: DNSRecord) -> DNSRecord | None:
        held.append(query)
        return None if number(query) < 9 else good(query)

    found = asked(answer)
    assert [str(query.q.qname) for query in held] == [f"{index}.example." for index in range(10)]
    assert [took > 0 for took in found.answered] == [False] * 9 + [True]


def test_a_stub_asks_again_and_others_do_not() -> None:
    found = asked(lambda before, query: good(query) if before else None, retry_after=0.3)
    assert [took > 0 for took in found.answered] == [False, True] * 5
    assert min(took for took in found.answered if took) > 300_000_000
