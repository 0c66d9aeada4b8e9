"""What observing costs a query: `python -m loadtest.dnslog`.

One relay in this process, its neighbours played as cheaply as can be, so that the differences between the rows are what
the observer takes: nobody listens, a sample is measured (how it runs when nothing is logged), every query is written to
a file, and the same with a lease set that the name feeds. CPU time of the whole process, its writing thread included;
the median of several rounds, interleaved.
"""

import argparse
import asyncio
import gc
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from dnslib import RR, DNSRecord

from dnsguard.dns.client import Client
from dnsguard.dns.counters import Counters
from dnsguard.dns.eligible import ineligible
from dnsguard.dns.hooks import Handled
from dnsguard.dns.message import Answer
from dnsguard.dns.relay import Leased, LeaseOutcome, Relay, RelaySettings
from dnsguard.dns.scan import scan_answer
from dnsguard.dns.upstream.exchange import Done, Found
from dnsguard.dns.upstream.question import Question, encode
from dnsguard.domains import DomainPattern
from dnsguard.forwarder.clients import Clients
from dnsguard.forwarder.describing import Describing
from dnsguard.forwarder.observing import ALL, OFF, Observing
from dnsguard.leases import Feed, LeaseBook, LocalClient
from dnsguard.link.messages import DnsLogReply
from dnsguard.observe.logfile import LogFile
from dnsguard.observe.record import unlogged_line
from dnsguard.observe.writer import LineWriter

CLIENT = Client(b"\x0a\0\0\2", b"\x0a\0\0\1", "udp")
GRANTED = LeaseOutcome(ok=True)
BATCH = 32
"""Queries handled between two turns of the event loop, as a busy socket has them."""


class Nobody:
    """A link with nobody at its other end."""

    has_room = True

    def tell(self, reply: DnsLogReply) -> None:
        """Nobody listens."""


class Bench:
    """A relay whose answers come at once, for names of which each is asked again and again."""

    def __init__(self, names: int, directory: Path) -> None:
        self._loop = asyncio.get_running_loop()
        self.book = LeaseBook()
        feed = Feed("web", "w4", "w6", frozenset([DomainPattern.parse("*.example.org")]))
        self.book.replace_policy([feed], [LocalClient("shop/web", (CLIENT.address,), frozenset(["web"]))], 0.0)
        self.relay = Relay(self._ask, lambda *_: None, self._lease, RelaySettings(), Counters())
        describing = Describing(self.book, Clients((), (), ()), self.book.scope_of, ineligible)
        self.observing = Observing(describing, Nobody(), client_lines=10**9)
        self.file = LogFile(directory / "log", 100_000_000, 2)
        self.writer = LineWriter(self.file, lambda count: unlogged_line(0.0, count, ""))
        self.queries = [bytes(DNSRecord.question(f"host{number}.example.org").pack()) for number in range(names)]

    def _ask(self, question: Question, done: Done) -> None:
        record = DNSRecord.parse(encode(question, 99, question.name))
        reply = record.reply()
        name = str(record.q.qname)
        reply.add_answer(*RR.fromZone(f"{name} 3600 A 192.0.2.1"), *RR.fromZone(f"{name} 3600 A 192.0.2.2"))
        data = bytes(reply.pack())
        self._loop.call_soon(done, Found(data, scan_answer(data, question.name, question.qtype), "192.0.2.53:53"))

    def _lease(self, client: Client, answer: Answer, age: float, leased: Leased) -> None:
        changes = self.book.learn(self.book.scope_of(client.address), answer, self._loop.time(), age).changes
        self.book.acknowledged(changes)
        leased(GRANTED)

    async def round(self, count: int) -> float:
        """CPU microseconds of each of ``count`` queries."""
        respond: Callable[[bytes | bytearray], None] = lambda _: None  # noqa: E731
        handle, queries = self.relay.handle, self.queries
        made = self.observing.records
        before = time.process_time()
        for start in range(0, count, BATCH):
            for number in range(start, start + BATCH):
                handle(queries[number % len(queries)], CLIENT, respond)
            await asyncio.sleep(0)
            if start % 4096 == 0:
                self.observing.tick()
        while self.observing.waiting or self.writer.waiting:
            await asyncio.sleep(0.001)
            self.observing.tick()
        taken = time.process_time() - before
        assert self.observing.records - made in (0, count), "records were dropped"
        return taken / count * 1e6


async def measure(count: int, rounds: int, names: int) -> dict[str, float]:
    """Row → CPU microseconds of a query."""
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(names, Path(directory))
        relay, observing = bench.relay, bench.observing

        def nobody() -> None:
            observing._relay = None
            relay.observe = relay.observe_errors = None

        def attached(which: str) -> None:
            observing.log_to(None if which == OFF else bench.writer, which)
            observing.attach(relay)

        def handed_over() -> None:
            nobody()
            relay.observe = _take

        rows: dict[str, Callable[[], None]] = {
            "nobody listens": nobody,
            "handed to an observer that does nothing": handed_over,
            "a sample is measured (dns_log: Off)": partial(attached, OFF),
            "every query is written (dns_log: All)": partial(attached, ALL),
        }
        await bench.round(count)  # fills the cache
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 50, 100)  # as in the forwarder
        found: dict[str, list[float]] = {row: [] for row in rows}
        for _ in range(rounds):
            for row, prepare in rows.items():
                prepare()
                found[row].append(await bench.round(count))
        nobody()
        relay.close()
        await asyncio.to_thread(bench.writer.close, 10.0)
    return {row: statistics.median(values) for row, values in found.items()}


def _take(_: Handled) -> None:
    """Nothing."""


def main() -> None:
    parser = argparse.ArgumentParser(description="What the DNS log costs a query.")
    parser.add_argument("--queries", type=int, default=40_960, help="of each round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--names", type=int, default=1_000, help="at most 8 000")
    arguments = parser.parse_args()
    found = asyncio.run(measure(arguments.queries, arguments.rounds, arguments.names))
    base = next(iter(found.values()))
    for row, microseconds in found.items():
        print(f"{row:<45} {microseconds:6.2f} µs   {microseconds - base:+6.2f} µs")


if __name__ == "__main__":
    main()
