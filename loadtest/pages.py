"""How long lists of many policies take in pages while they are written, and whether each is right: the whole program.

Ten thousand policies are listed in pages, again and again, while policies are replaced, deleted and made anew at a
fixed rate. Every list must be what was there at its revision: the writer knows, from what its changes were answered.
Ends with status 1 where one is not, with 2 where it cannot run at all.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import httpx

from loadtest import report
from loadtest.cluster import Manifest
from loadtest.dns import usage
from loadtest.dns.product import Product
from loadtest.dns.query import NotStarted
from loadtest.dns.site import site
from loadtest.dns.upstream import upstream
from loadtest.network import move
from loadtest.samples import quantile
from loadtest.writer import Refused
from tests.support.lab.isolate import IsolationError

POLICIES = "/apis/projectcalico.org/v3/namespaces/load/networkpolicies"
WHOLE, TABLE, CHOSEN = "whole", "as a table", "by a label of all"
FORMS: dict[str, tuple[str, dict[str, str]]] = {
    WHOLE: ("application/json", {}),
    TABLE: ("application/json;as=Table;g=meta.k8s.io;v=v1", {}),
    CHOSEN: ("application/json", {"labelSelector": "number"}),
}

State = dict[str, str]
"""Name → number of its last change."""


@dataclass(frozen=True, slots=True)
class Options:
    """What to measure."""

    policies: int = 10_000
    page: int = 500
    """Objects in one; what kubectl asks for."""

    rate: float = 20.0
    """Changes a second."""

    lists: int = 5
    """Of each form."""


@dataclass(slots=True)
class Row:
    """Lists of one form. Times in seconds."""

    name: str
    pages: list[float] = field(default_factory=list)
    lists: list[float] = field(default_factory=list)
    writes: list[float] = field(default_factory=list)
    """Of the changes made meanwhile."""

    wrong: list[str] = field(default_factory=list)
    cpu: float = 0.0
    """Of the controller, as a share of one processor."""


class _Writer:
    """Changes policies in turn, and knows what was there at each revision."""

    def __init__(self, client: httpx.AsyncClient, first: State, rate: float) -> None:
        self._client = client
        self._first = first
        self._rate = rate
        self._changes: dict[int, tuple[str, str | None]] = {}
        """Revision → name, and number; none for a deletion."""

        self._number = len(first)
        self._changing: asyncio.Task[None] | None = None
        self.seconds: list[float] = []

    async def run(self) -> None:
        """Until it is cancelled; one change after the other, so that none is unknown."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        for turn in range(sys.maxsize):
            await asyncio.sleep(began + turn / self._rate - loop.time())
            self._changing = asyncio.create_task(self._change(turn), name=f"change {turn}")
            await asyncio.shield(self._changing)

    async def settled(self) -> None:
        """Return once the last change was answered. Raises Refused where one was not made."""
        if self._changing is not None:
            await self._changing

    def at(self, revision: int) -> State:
        """What was there."""
        state = dict(self._first)
        for changed, (name, number) in sorted(self._changes.items()):
            if changed > revision:
                break
            if number is None:
                del state[name]
            else:
                state[name] = number
        return state

    async def _change(self, turn: int) -> None:
        """Of ten, eight replace a policy, one deletes one, and the last makes that anew."""
        round_, step = divmod(turn, 10)
        name = _name((round_ if step >= _DELETING else 8 * round_ + step) * _STRIDE % len(self._first))
        began = monotonic()
        if step == _DELETING:
            await self._told("DELETE", f"{POLICIES}/{name}")
            # Nobody else writes: the newest revision is that of the deletion.
            answer = await self._told("GET", f"{POLICIES}?limit=1")
            number = None
        else:
            number = str(self._number)
            self._number += 1
            method, path = ("POST", POLICIES) if step > _DELETING else ("PUT", f"{POLICIES}/{name}")
            answer = await self._told(method, path, policy(name, number))
            self.seconds.append(monotonic() - began)
        self._changes[int(answer["metadata"]["resourceVersion"])] = name, number

    async def _told(self, method: str, path: str, body: Manifest | None = None) -> Any:
        answer = await self._client.request(method, path, json=body)
        if not answer.is_success:
            raise Refused(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json()


_DELETING = 8
_STRIDE = 7_919
"""A prime: changes go through all policies before they come back to one."""


def _name(number: int) -> str:
    return f"policy-{number:05}"


def policy(name: str, number: str) -> Manifest:
    """One of them, after the change of this number."""
    metadata = {"name": name, "namespace": "load", "labels": {"number": number}}
    ports = [80, 443, 8_000 + int(number) % 1_000]
    rule = {"action": "Allow", "protocol": "TCP", "destination": {"nets": ["192.0.2.0/24"], "ports": ports}}
    spec = {"order": 10, "selector": f"app == '{name}'", "types": ["Egress"], "egress": [rule]}
    head = {"apiVersion": "projectcalico.org/v3", "kind": "NetworkPolicy"}
    return {**head, "metadata": metadata, "spec": spec}


async def listed(client: httpx.AsyncClient, form: str, page: int) -> tuple[int, State, list[float]]:
    """One list: its revision, what it showed, and the seconds that each page took. Raises Refused."""
    accept, query = FORMS[form]
    found: State = {}
    seconds: list[float] = []
    revisions: set[str] = set()
    token = ""
    while True:
        began = monotonic()
        asked = {**query, "limit": str(page), **({"continue": token} if token else {})}
        answer = await client.get(POLICIES, params=asked, headers={"Accept": accept})
        seconds.append(monotonic() - began)
        if not answer.is_success:
            raise Refused(f"{form}, page {len(seconds)}: {answer.status_code} {answer.text[:500]}")
        body = answer.json()
        for item in body["rows"] if "rows" in body else body["items"]:
            metadata = item.get("object", item)["metadata"]
            found[metadata["name"]] = metadata["labels"]["number"]
        revisions.add(body["metadata"]["resourceVersion"])
        token = body["metadata"].get("continue", "")
        if not token:
            break
    if len(revisions) != 1:
        raise Refused(f"{form}: its pages are of revisions {', '.join(sorted(revisions))}")
    return int(revisions.pop()), found, seconds


def difference(expected: State, found: State) -> str:
    """The first one, in words; empty where there is none."""
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            return f"{name} is {found.get(name, 'missing')} and was {expected.get(name, 'not there')}"
    return ""


def measure(options: Options, tell: Callable[[str], None]) -> list[Row]:
    """A row for each form. The process must be alone in its network. Raises NotStarted, Refused."""
    first = {_name(number): str(number) for number in range(options.policies)}
    with (
        tempfile.TemporaryDirectory(prefix="pages-") as directory,
        site(Path(directory)) as place,
        upstream(place, 1),
        Product(place, 1, others=[policy(name, number) for name, number in first.items()]) as product,
    ):
        return asyncio.run(_rows(first, options, product, tell))


async def _rows(first: State, options: Options, product: Product, tell: Callable[[str], None]) -> list[Row]:
    rows = [Row(NOTHING), *map(Row, FORMS)]
    lists: list[tuple[Row, int, State]] = []
    controller = [product.processes()["controller"]]
    transport = httpx.AsyncHTTPTransport(uds=str(product.socket))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=60) as client:
        writer = _Writer(client, first, options.rate)
        writing = asyncio.create_task(writer.run(), name="changes")
        for row in rows:
            written, began, used = len(writer.seconds), monotonic(), usage.cpu_seconds(controller)
            for _ in range(options.lists):
                if writing.done():
                    break
                if row.name == NOTHING:
                    await asyncio.sleep(_ALONE)
                    continue
                start = monotonic()
                revision, found, seconds = await listed(client, row.name, options.page)
                row.lists.append(monotonic() - start)
                row.pages += seconds
                lists.append((row, revision, found))
            row.cpu = (usage.cpu_seconds(controller) - used) / (monotonic() - began)
            row.writes = writer.seconds[written:]
            tell(" ".join(_cells(row)))
        writing.cancel()
        with suppress(asyncio.CancelledError):
            await writing
        await writer.settled()
    for row, revision, found in lists:
        if problem := difference(writer.at(revision), found):
            row.wrong.append(f"at revision {revision} {problem}")
    return rows


NOTHING = "changes alone"
_ALONE = 1.0
_TITLES = ("lists", "list p50 s", "pages", "page p50", "p99", "max", "writes", "write p50", "p99", "wrong", "contr. %")
LEGEND = (
    "ms where no unit is said. page: from asking for it until it was read; write: from sending a change until its\n"
    "answer was read, of those made meanwhile; wrong: lists that were not what was there at their revision."
)


def _cells(row: Row) -> list[str]:
    found = [str(len(row.lists)), f"{quantile(row.lists, 0.5):.2f}" if row.lists else "", str(len(row.pages))]
    found += [_ms(row.pages, share) for share in (0.5, 0.99, 1.0)]
    found += [str(len(row.writes)), *(_ms(row.writes, share) for share in (0.5, 0.99))]
    return [*found, str(len(row.wrong)), f"{100 * row.cpu:.0f}"]


def _ms(seconds: Sequence[float], share: float) -> str:
    return f"{quantile(seconds, share) * 1e3:.1f}" if seconds else ""


def lines(rows: Sequence[Row]) -> Iterator[str]:
    """The table."""
    yield f"  {'':<18}" + "".join(f"{title:>11}" for title in _TITLES)
    for row in rows:
        yield f"  {row.name:<18}" + "".join(f"{cell:>11}" for cell in _cells(row))
        yield from (f"  WRONG: {row.name}: {problem}" for problem in row.wrong[:3])
    yield ""
    yield LEGEND


def main(arguments: Sequence[str]) -> int:
    """The exit status; the report goes to standard output."""
    parser = argparse.ArgumentParser("python -m loadtest.pages", description=(__doc__ or "").split("\n\n")[0])
    add, usual = parser.add_argument, Options()
    add("--policies", type=int, default=usual.policies)
    add("--page", type=int, default=usual.page, help="objects in one")
    add("--rate", type=float, default=usual.rate, help="changes a second")
    add("--lists", type=int, default=usual.lists, help="of each form")
    add("--json", type=Path, metavar="FILE", help="write the figures there, too")
    given = parser.parse_args(arguments)
    options = Options(given.policies, given.page, given.rate, given.lists)
    if min(asdict(options).values()) <= 0:
        parser.error("numbers and rates are above 0")
    conditions = report.machine()
    try:
        move("loadtest.pages", arguments)
        rows = measure(options, lambda text: print(text, file=sys.stderr, flush=True))
    except (IsolationError, NotStarted, Refused, httpx.HTTPError, OSError) as error:
        print(f"loadtest: {error}", file=sys.stderr)
        return 2
    print(report.listed(conditions), report.listed(asdict(options)), sep="\n")
    for line in lines(rows):
        print(line)
    if given.json is not None:
        found = [{"name": row.name, **dict(zip(_TITLES, _cells(row), strict=True))} for row in rows]
        given.json.write_text(json.dumps({"conditions": conditions, "rows": found}) + "\n")
    return 1 if any(row.wrong for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
