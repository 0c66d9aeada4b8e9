"""How soon a change reaches the last of many watches: the whole program, over real connections.

Watches of one namespace's network sets are open, in processes of their own, while sets are replaced at a fixed rate
through the API. A change counts from when its writer has sent it, and from when it was acknowledged, until the last
watch has read it. Ends with status 1 where a watch was not told of a change or was cut, with 2 where it cannot run at
all.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from dnsguard.locations import CA_FILE, TOKEN_FILE
from loadtest import report
from loadtest.dns import usage
from loadtest.dns.product import API, Product
from loadtest.dns.query import NotStarted
from loadtest.dns.site import Site, site
from loadtest.dns.upstream import upstream
from loadtest.listeners import LABEL
from loadtest.network import move
from loadtest.samples import quantile
from loadtest.writer import Refused, Writer, Written
from tests.support.lab.isolate import IsolationError

SETS = "/apis/projectcalico.org/v3/namespaces/load/networksets"
NETS = 20
"""In each set."""


@dataclass(frozen=True, slots=True)
class Options:
    """What to measure."""

    watches: tuple[int, ...] = (1, 100, 1_000)
    """How many are open; a row for each."""

    rate: float = 100.0
    """Changes a second."""

    seconds: float = 30.0
    sets: int = 100
    processes: int = 2
    """That hold the watches."""

    by: str = "tls"
    """How they are connected: ``tls`` or ``socket``."""

    @property
    def changes(self) -> int:
        return max(int(self.rate * self.seconds), 1)


@dataclass(frozen=True, slots=True)
class Row:
    """All changes with one number of watches. Times in seconds."""

    watches: int
    opened: float
    """Until all were open."""

    write: Sequence[float]
    """From sending a change to its acknowledgement."""

    whole: Sequence[float]
    """From sending it until the last watch had read it."""

    after: Sequence[float]
    """The same from the acknowledgement on; below 0 where all were told earlier."""

    lost: int
    """How often a watch was not told of a change."""

    problems: Sequence[str]
    cpu: float
    """Seconds of a processor that the controller used, from the first change until all were told of the last."""

    seconds: float
    """How long that was."""

    megabytes: float
    idle: float
    """Megabytes of the controller before the watches were opened."""

    received: int
    """Bytes, by all watches."""

    @property
    def is_wrong(self) -> bool:
        return bool(self.lost or self.problems or not self.whole)


def measure(options: Options, tell: Callable[[str], None]) -> list[Row]:
    """A row for each number of watches. The process must be alone in its network. Raises NotStarted, Refused."""
    rows = []
    for watches in options.watches:
        with (
            tempfile.TemporaryDirectory(prefix="watchers-") as directory,
            site(Path(directory)) as place,
            upstream(place, 1),
            Product(place, 1) as product,
        ):
            rows.append(asyncio.run(_row(watches, options, place, product)))
        tell(" ".join(_cells(rows[-1])))
    return rows


async def _row(watches: int, options: Options, place: Site, product: Product) -> Row:
    writer = Writer(product.socket)
    controller = [product.processes()["controller"]]
    try:
        for number in range(options.sets):
            await writer.tell("POST", SETS, _set(number, options, labelled=False))
        idle = usage.resident_megabytes(controller)
        began = monotonic()
        with _listeners(watches, options, place, product) as listeners:
            await asyncio.gather(*(asyncio.to_thread(each.until_ready) for each in listeners))
            opened = monotonic() - began
            used, began = usage.cpu_seconds(controller), monotonic()
            written = await _changed(writer, options)
            megabytes = usage.resident_megabytes(controller)
            heard = await asyncio.gather(*(asyncio.to_thread(each.heard, len(written)) for each in listeners))
            seconds, cpu = monotonic() - began, usage.cpu_seconds(controller) - used
    finally:
        await writer.close()
    last = [max(each["last"][number] for each in heard) for number in range(len(written))]
    counts = [sum(each["counts"][number] for each in heard) for number in range(len(written))]
    return Row(
        watches,
        opened,
        [(each.answered - each.sent) / 1e9 for each in written],
        [(at - each.sent) / 1e9 for each, at in zip(written, last, strict=True)],
        [(at - each.answered) / 1e9 for each, at in zip(written, last, strict=True)],
        sum(watches - count for count in counts),
        [problem for each in heard for problem in each["problems"]],
        cpu,
        seconds,
        megabytes,
        idle,
        sum(each["bytes"] for each in heard),
    )


async def _changed(writer: Writer, options: Options) -> list[Written]:
    """All changes, each when it is due."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    changing: list[asyncio.Task[Written]] = []
    for number in range(options.changes):
        await asyncio.sleep(began + number / options.rate - loop.time())
        value = _set(number, options)
        path = f"{SETS}/{value['metadata']['name']}"
        changing.append(asyncio.create_task(writer.tell("PUT", path, value), name=f"change {number}"))
    return await asyncio.gather(*changing)


def _set(number: int, options: Options, *, labelled: bool = True) -> dict[str, Any]:
    """What the change of this number makes of its set."""
    nets = [f"10.{number % 256}.{each}.0/24" for each in range(NETS)]
    metadata = {"name": f"set-{number % options.sets}", "namespace": "load"}
    labels = {"labels": {LABEL: str(number)}} if labelled else {}
    head = {"apiVersion": "projectcalico.org/v3", "kind": "NetworkSet"}
    return {**head, "metadata": metadata | labels, "spec": {"nets": nets}}


class _Listeners:
    """One process that holds watches."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def until_ready(self) -> None:
        """Raises NotStarted."""
        if (said := self._line()) != "ready\n":
            raise NotStarted(f"the watches could not be opened: {said}")

    def heard(self, changes: int) -> dict[str, Any]:
        """What all of them were told, once that many changes were made. Raises NotStarted."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{changes}\n")
        self._process.stdin.flush()
        line = self._line()
        try:
            found: dict[str, Any] = json.loads(line)
        except ValueError:
            raise NotStarted(f"who held the watches ended: {line}") from None
        return found

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@contextmanager
def _listeners(watches: int, options: Options, place: Site, product: Product) -> Iterator[list[_Listeners]]:
    processes = min(options.processes, watches)
    counts = [watches // processes + (number < watches % processes) for number in range(processes)]
    query = "watch=1&allowWatchBookmarks=1&sendInitialEvents=false&resourceVersionMatch=NotOlderThan"
    words = ["--changes", str(options.changes), "--path", f"{SETS}?{query}"]
    if options.by == "socket":
        words += ["--socket", str(product.socket)]
    else:
        words += [
            "--where",
            API,
            "--ca",
            str(product.state / CA_FILE),
            "--token",
            (product.state / TOKEN_FILE).read_text().strip(),
        ]
    command = [sys.executable, "-m", "loadtest.listeners", *words]
    started: list[subprocess.Popen[str]] = []
    try:
        for count in counts:
            with place.node.entered():
                started.append(
                    subprocess.Popen(
                        ["setpriv", "--pdeathsig", "KILL", *command, "--count", str(count)],
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        text=True,
                    )
                )
        yield [_Listeners(each) for each in started]
    finally:
        for each in started:
            each.kill()
            each.communicate()


_TITLES = (
    "watches", "opened s", "changes", "write p50", "p99", "last p50", "p99", "max", "+last p50", "p99", "lost",
    "contr. %", "µs each", "contr. MB", "MB before", "MB heard",
)  # fmt: skip
LEGEND = (
    "ms. write: from sending a change to its acknowledgement; last: from sending it until the last watch had read it,\n"
    "+: from the acknowledgement on. lost: how often a watch was not told of a change. %: of a processor, until\n"
    "all were told; µs each: the same for each change and watch; MB before: of the controller before the watches were\n"
    "opened; MB heard: by all watches together."
)


def _cells(row: Row) -> list[str]:
    found = [str(row.watches), f"{row.opened:.1f}", str(len(row.write))]
    found += [_ms(quantile(row.write, share)) for share in (0.5, 0.99)]
    found += [_ms(quantile(row.whole, share)) for share in (0.5, 0.99, 1.0)]
    found += [_ms(quantile(row.after, share)) for share in (0.5, 0.99)]
    each = row.cpu / (row.watches * len(row.write)) if row.write else 0.0
    found += [str(row.lost), f"{100 * row.cpu / row.seconds:.0f}", f"{each * 1e6:.1f}"]
    return found + [f"{size:.0f}" for size in (row.megabytes, row.idle, row.received / 1e6)]


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.1f}"


def lines(rows: Sequence[Row]) -> Iterator[str]:
    """The table."""
    yield "".join(f"{title:>11}" for title in _TITLES)
    for row in rows:
        yield "".join(f"{cell:>11}" for cell in _cells(row))
        yield from (f"  WRONG: {problem}" for problem in row.problems[:3])
        if row.lost:
            yield f"  WRONG: {row.lost} times a watch was not told of a change"
    yield ""
    yield LEGEND


def main(arguments: Sequence[str]) -> int:
    """The exit status; the report goes to standard output."""
    parser = argparse.ArgumentParser("python -m loadtest.watchers", description=(__doc__ or "").split("\n\n")[0])
    add, usual = parser.add_argument, Options()
    add("--watches", type=int, nargs="+", default=usual.watches)
    add("--rate", type=float, default=usual.rate, help="changes a second")
    add("--seconds", type=float, default=usual.seconds, help="for so long")
    add("--sets", type=int, default=usual.sets, help="that are changed in turn")
    add("--processes", type=int, default=usual.processes, help="that hold the watches")
    add("--by", choices=("tls", "socket"), default=usual.by)
    add("--json", type=Path, metavar="FILE", help="write the figures there, too")
    given = parser.parse_args(arguments)
    if min(*given.watches, given.rate, given.seconds, given.sets, given.processes) <= 0:
        parser.error("numbers, rates and seconds are above 0")
    options = Options(tuple(given.watches), given.rate, given.seconds, given.sets, given.processes, given.by)
    conditions = report.machine()
    try:
        move("loadtest.watchers", arguments)
        rows = measure(options, lambda text: print(text, file=sys.stderr, flush=True))
    except (IsolationError, NotStarted, Refused, OSError) as error:
        print(f"loadtest: {error}", file=sys.stderr)
        return 2
    print(report.listed(conditions), report.listed(asdict(options)), sep="\n")
    for line in lines(rows):
        print(line)
    if given.json is not None:
        found = [dict(zip(_TITLES, _cells(row), strict=True)) for row in rows]
        given.json.write_text(json.dumps({"conditions": conditions, "rows": found}) + "\n")
    return 1 if any(row.is_wrong for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
