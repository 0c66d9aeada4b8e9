"""What is looked at, what is written, what is kept: by what is logged and who watches."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from dnsguard.dns.hooks import Handled
from dnsguard.dns.relay import Refusal
from dnsguard.forwarder.observing import ALL, DENIED, OFF, RECENT, RING, SAMPLE, Observing
from dnsguard.link.messages import DnsLogQuery, DnsLogReply
from dnsguard.observe.logfile import LogFile
from dnsguard.observe.record import Record, unlogged_line
from dnsguard.observe.writer import LineWriter
from tests.unit.dns.messages import query_bytes
from tests.unit.dns.test_relay import GOOD, Stage
from tests.unit.forwarder.test_tails import Outlet
from tests.unit.observe.test_record import record

PLENTY = 10**9


class Bench:
    """An observer at a relay, with a file and a link."""

    def __init__(self, path: Path, client_lines: int = PLENTY, ring: int = RING) -> None:
        self.stage = Stage()
        self.outlet = Outlet()
        self.file = LogFile(path, 10**9, 2)
        self.writer = LineWriter(self.file, lambda count: unlogged_line(0.0, count, "file"))
        self.described: list[Handled] = []
        self.observing = Observing(self.describe, self.outlet, client_lines, ring)
        self.observing.attach(self.stage.relay)
        self.fault: Exception | None = None

    def describe(self, handled: Handled, total: float, wall: float, now: float) -> Record:
        if self.fault is not None:
            raise self.fault
        assert total >= 0 < wall
        assert now >= handled.started
        self.described.append(handled)
        return record(name=handled.query.name, source=handled.source)

    def answer(self, name: str = "www.example.org") -> None:
        self.stage.refusal = None
        self.stage.query(query_bytes(name))
        if self.stage.questions:
            self.stage.upstream(GOOD.replace("www.example.org", name))
            self.stage.questions.clear()

    def refuse(self, name: str = "bad.example.org") -> None:
        self.stage.refusal = Refusal()
        self.stage.query(query_bytes(name))

    async def settle(self) -> None:
        while self.observing.waiting:  # noqa: ASYNC110 - the hot path sets no events
            await asyncio.sleep(0)

    async def lines(self) -> list[str]:
        """What is in the file at the end."""
        await self.settle()
        self.observing.finish()
        await asyncio.to_thread(self.writer.close, 10.0)
        if not self.file.path.exists():
            return []
        found = [json.loads(line) for line in self.file.path.read_text().splitlines()]
        return [each.get("qname") or f"{each['count']} missing: {each['reason']}" for each in found]

    def shown(self) -> list[str]:
        return [json.loads(line)["qname"] for reply in self.outlet.told for line in reply.lines]


@pytest.fixture
async def bench(tmp_path: Path) -> Any:
    made = Bench(tmp_path / "log")
    yield made
    made.stage.relay.close()


@pytest.mark.parametrize(
    ("which", "written"),
    [(OFF, []), (DENIED, ["bad.example.org"]), (ALL, ["www.example.org", "www.example.org", "bad.example.org"])],
)
async def test_what_is_written(bench: Bench, which: str, written: list[str]) -> None:
    bench.observing.log_to(bench.writer, which)
    bench.answer()
    bench.answer()
    bench.refuse()
    assert await bench.lines() == written


async def test_records_are_made_after_the_answers_of_this_turn(bench: Bench) -> None:
    bench.observing.log_to(bench.writer, ALL)
    for _ in range(3):
        bench.answer()
    assert (bench.observing.waiting, bench.described) == (3, [])
    await bench.settle()
    assert len(bench.described) == 3


async def test_while_nothing_is_logged_a_sample_is_measured_and_then_the_relay_is_left_alone(bench: Bench) -> None:
    for _ in range(SAMPLE - 1):
        bench.answer()
    listening = [bench.stage.relay.sample is not None]
    bench.answer()
    listening.append(bench.stage.relay.sample is not None)
    assert listening == [True, False]
    bench.answer()
    by_source = bench.observing.latencies.by_source
    assert (by_source["upstream"].count, by_source["cache"].count) == (1, SAMPLE - 1)
    bench.observing.tick()
    bench.answer()
    assert by_source["cache"].count == SAMPLE
    assert (bench.observing.records, bench.described) == (0, [])


async def test_refusals_are_kept_and_measured_though_the_sample_is_complete(bench: Bench) -> None:
    for _ in range(SAMPLE):
        bench.answer()
    assert bench.stage.relay.sample is None
    bench.refuse()
    await bench.settle()
    assert (bench.observing.records, bench.observing.latencies.by_source["policy"].count) == (1, 1)


async def test_everything_is_looked_at_while_somebody_watches(bench: Bench) -> None:
    bench.refuse("old.example.org")
    await bench.settle()
    bench.observing.query(DnsLogQuery(7, 10, follow=True))
    bench.answer()
    await bench.settle()
    bench.observing.tick()
    assert bench.shown() == ["old.example.org", "www.example.org"]
    bench.observing.stop(7)
    bench.answer()
    await bench.settle()
    bench.observing.tick()
    assert (bench.shown(), bench.observing.records) == (["old.example.org", "www.example.org"], 2)


async def test_when_the_controller_goes_whoever_watched_is_gone(bench: Bench) -> None:
    bench.observing.query(DnsLogQuery(7, 10, follow=True))
    bench.observing.disconnected()
    bench.answer()
    await bench.settle()
    assert bench.observing.records == 0


async def test_the_newest_are_shown_in_their_order_and_refusals_are_not_pushed_out_by_others(bench: Bench) -> None:
    bench.observing.log_to(bench.writer, ALL)
    bench.refuse("first.example.org")
    for _ in range(RECENT + 1):
        bench.answer()
    bench.refuse("last.example.org")
    await bench.settle()
    bench.observing.query(DnsLogQuery(1, 3, follow=False))
    assert bench.shown() == ["www.example.org", "www.example.org", "last.example.org"]
    bench.outlet.told.clear()
    bench.observing.query(DnsLogQuery(2, 3, follow=False, denied=True))
    assert bench.shown() == ["first.example.org", "last.example.org"]
    bench.outlet.told.clear()
    bench.observing.query(DnsLogQuery(3, 0, follow=False))
    assert bench.outlet.told == [DnsLogReply(3, done=True)]


async def test_a_filter_that_is_none_is_answered(bench: Bench) -> None:
    bench.observing.query(DnsLogQuery(1, 3, follow=True, name="*.*"))
    assert bench.outlet.told[0].problem.startswith("bad domain '*.*'")


async def test_a_client_beyond_its_share_is_cut_and_the_file_says_so(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "log", client_lines=2)
    bench.observing.log_to(bench.writer, ALL)
    asked = 0
    while bench.observing.suppressed < 3:
        bench.answer()
        asked += 1
    lines = await bench.lines()
    assert lines == ["www.example.org"] * (asked - 3) + ["3 missing: the client asks too much"]
    bench.stage.relay.close()


async def test_a_record_that_cannot_be_made_costs_only_itself(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.observing.log_to(bench.writer, ALL)
    bench.fault = RuntimeError("boom")
    bench.answer()
    await bench.settle()
    bench.fault = None
    bench.answer("other.example.org")
    assert await bench.lines() == ["other.example.org"]
    assert "could not be described" in caplog.text


async def test_more_than_the_ring_holds_is_counted_and_said(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "log", ring=2)
    bench.observing.log_to(bench.writer, ALL)
    for number in range(5):
        bench.answer(f"n{number}.example.org")
    assert (bench.observing.waiting, bench.observing.dropped) == (2, 3)
    assert await bench.lines() == ["n3.example.org", "n4.example.org", "3 missing: too many queries at once"]
    bench.stage.relay.close()


async def test_nobody_hides_a_refusal_behind_look_ups_that_are_allowed(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "log", client_lines=2)
    bench.observing.log_to(bench.writer, DENIED)
    bench.observing.query(DnsLogQuery(1, 0, follow=True))
    while not bench.observing.suppressed:
        bench.answer()
    bench.refuse()
    assert (await bench.lines())[0] == "bad.example.org"
    bench.stage.relay.close()
