"""Containers that come and go: how soon each is enforced, and that what is denied to it never passes.

A real Docker engine starts so many containers a second and removes each a few seconds after it was let through. What a
container may reach is said by one label: one address, the other one, or nothing. Its first act is to ping both, then it
sends numbered packets to both, from the same port as every other container, for its whole life: addresses are used
again by containers that may reach something else, and a connection that was inherited would show. Ends with status 1
where a denied packet arrived, an allowed one was lost once the first had come, or a container was never let through;
with 2 or 3 where it cannot run.
"""

import argparse
import itertools
import json
import re
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

import httpx

from loadtest import report
from tests.support.dockerd import IMAGE, Engine, engine, lacking
from tests.support.dockerhost import ADDRESSES, Program, dockerhost, to
from tests.support.lab.enclosure import FAILED, INSIDE, enclosed

RATE, SECONDS, LIFE = 5.0, 120.0, 2.0
PORT, OWN_PORT = 9000, 4000
PAUSE = 0.01
"""Seconds between two packets to one address."""

KINDS = "first", "second", "nothing"
"""What the label says: the first address, the second one, or none of them."""

LABEL = "com.docker.compose.service"
_STARTERS = 16
_PATIENCE = 30.0
"""Seconds after which a container that may reach something, and was never let through, is given up."""

_SETTLE = 5.0
"""Seconds for the last packets to arrive."""

_SCRIPT = """
read began rest < /proc/uptime
for to in {addresses}; do ping -q -p {pattern:02x} -i 0.01 -c 100 -W 1 $to > /dev/null & done
exec {python} -IS -c "$1" $0 $began {addresses}
"""
"""The shell's first act is to ping; once Python is there, it sends what is numbered."""

_SENDER = f"""
import itertools, socket, sys, time
name, began, *addresses = sys.argv[1:]
own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
own.bind(('', {OWN_PORT}))
for number in itertools.count(1):
    for place, address in enumerate(addresses):
        own.sendto(f'{{name}} {{place}} {{number}} {{began}}'.encode(), (address, {PORT}))
    time.sleep({PAUSE})
"""
_RECEIVE_BUFFER_FORCE = 33
"""``SO_RCVBUFFORCE`` of asm-generic/socket.h."""

_ECHO_REQUEST = 8
_LINE = re.compile(rb"c([0-9]+)-(\w+) ([01]) ([0-9]+) ([0-9.]+)")


@dataclass(slots=True)
class Life:
    """One container, as the internet saw it."""

    kind: str
    address: str = ""
    entered: float = 0.0
    """When its program began, in seconds of CLOCK_BOOTTIME."""

    through: float = 0.0
    """When its first packet arrived."""

    first: int = 0
    """The lowest number that arrived: packets before it were denied."""

    last: int = 0
    arrived: int = 0
    denied: list[tuple[int, float]] = field(default_factory=list)
    """Packets to what its label does not allow: their numbers, and when they arrived."""

    @property
    def lost(self) -> int:
        """Allowed packets that did not arrive after the first one that did."""
        return self.last - self.first + 1 - self.arrived if self.arrived else 0


@dataclass(slots=True)
class Outcome:
    """All of a run."""

    lives: list[Life] = field(default_factory=list)
    seconds: float = 0.0
    addresses: int = 0
    """Different ones that the containers had."""

    reused: int = 0
    """Times that an address went on to a container of another kind."""

    endpoints_left: int = 0
    """Once all containers are gone."""

    pings: int = 0
    denied_pings: int = 0
    """Echo requests that arrived where the label of their sender does not allow it."""

    strays: int = 0
    """Datagrams that no container sent."""

    @property
    def allowed(self) -> list[Life]:
        return [life for life in self.lives if life.kind != "nothing"]

    @property
    def never(self) -> int:
        """Containers that were never let through to what they may reach."""
        return sum(not life.arrived for life in self.allowed)

    @property
    def took(self) -> list[float]:
        """Seconds from a container's first instruction to its first packet in the internet, ascending."""
        return sorted(life.through - life.entered for life in self.allowed if life.arrived)

    @property
    def denied_arrived(self) -> int:
        return sum(len(life.denied) for life in self.lives)

    @property
    def lost(self) -> int:
        return sum(life.lost for life in self.lives)

    @property
    def is_wrong(self) -> bool:
        return bool(
            self.denied_arrived or self.denied_pings or self.lost or self.never or self.endpoints_left or self.strays
        )


def measure(rate: float, seconds: float, life: float, tell: Callable[[str], None]) -> Outcome:
    """The process must be in namespaces of its own."""
    outcome = Outcome()
    with (
        engine() as docker,
        tempfile.TemporaryDirectory() as directory,
        dockerhost(docker, Path(directory)) as (program, internet),
    ):
        for name, address in zip(KINDS, ADDRESSES, strict=False):
            program.select(name, f"{LABEL} == '{name}'", to(f"{address}/32"))
        program.select("nothing", f"{LABEL} == 'nothing'")
        program.until_in_sync()
        with internet.entered():
            sinks = [_sink(address) for address in ADDRESSES]
            pings = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
            pings.settimeout(0.5)
        ended = threading.Event()
        threads = [
            threading.Thread(target=_collect, args=(sink, place, outcome, ended), daemon=True)
            for place, sink in enumerate(sinks)
        ]
        threads.append(threading.Thread(target=_collect_pings, args=(pings, outcome, ended), daemon=True))
        for thread in threads:
            thread.start()
        _run(docker, rate, seconds, life, outcome, tell)
        time.sleep(_SETTLE)
        outcome.endpoints_left = _left(program)
        ended.set()
        for thread in threads:
            thread.join()
        for sink in (*sinks, pings):
            sink.close()
    return outcome


def _sink(address: str) -> socket.socket:
    sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sink.setsockopt(socket.SOL_SOCKET, _RECEIVE_BUFFER_FORCE, 1 << 24)
    sink.bind((address, PORT))
    sink.settimeout(0.5)
    return sink


def _left(program: Program) -> int:
    """Endpoints, once discovery has seen that all is gone or its time is over."""
    deadline = time.monotonic() + _SETTLE
    while program.endpoints() and time.monotonic() < deadline:
        time.sleep(0.1)
    return len(program.endpoints())


def _run(
    docker: Engine, rate: float, seconds: float, life: float, outcome: Outcome, tell: Callable[[str], None]
) -> None:
    began = time.monotonic()
    kinds = itertools.cycle(KINDS)
    addresses: dict[str, str] = {}
    guard = threading.Lock()

    def live(number: int, kind: str) -> None:
        with docker.client() as client:
            identity = _started(client, number, kind)
            answer = client.get(f"/containers/{identity}/json").json()
            address = answer["NetworkSettings"]["IPAddress"]
            with guard:
                outcome.lives[number].address = address
                before = addresses.get(address)
                outcome.reused += before is not None and before != kind
                addresses[address] = kind
            give_up = time.monotonic() + _PATIENCE
            while kind != "nothing" and not outcome.lives[number].arrived and time.monotonic() < give_up:
                time.sleep(0.01)
            time.sleep(life)
            client.delete(f"/containers/{identity}", params={"force": "1"}).raise_for_status()

    lives: list[Future[None]] = []
    with ThreadPoolExecutor(_STARTERS + int(rate * life)) as pool:
        for number in range(int(rate * seconds)):
            time.sleep(max(0.0, began + number / rate - time.monotonic()))
            kind = next(kinds)
            outcome.lives.append(Life(kind))
            lives.append(pool.submit(live, number, kind))
            if number and number % 50 == 0:
                tell(f"{number} containers after {time.monotonic() - began:.0f} s")
        for each in lives:
            each.result()
    outcome.seconds = time.monotonic() - began
    outcome.addresses = len(addresses)


def _started(client: httpx.Client, number: int, kind: str) -> str:
    """The id of a new container that runs."""
    python = Path(sys.executable).resolve()
    script = _SCRIPT.format(addresses=" ".join(ADDRESSES), pattern=KINDS.index(kind), python=python)
    seen = {"/usr", "/lib", "/lib64", sys.base_prefix}
    made = client.post(
        "/containers/create",
        json={
            "Image": IMAGE,
            "Cmd": ["sh", "-c", script, f"c{number}-{kind}", _SENDER],
            "Labels": {LABEL: kind},
            "HostConfig": {"Binds": [f"{path}:{path}:ro" for path in sorted(seen) if Path(path).is_dir()]},
        },
    )
    made.raise_for_status()
    identity = str(made.json()["Id"])
    client.post(f"/containers/{identity}/start").raise_for_status()
    return identity


def _collect(sink: socket.socket, place: int, outcome: Outcome, ended: threading.Event) -> None:
    while not ended.is_set():
        try:
            data = sink.recv(2048)
        except TimeoutError:
            continue
        note(data, place, time.clock_gettime(time.CLOCK_BOOTTIME), outcome)


def _collect_pings(sink: socket.socket, outcome: Outcome, ended: threading.Event) -> None:
    while not ended.is_set():
        try:
            packet = sink.recv(2048)
        except TimeoutError:
            continue
        note_ping(packet, outcome)


def note_ping(packet: bytes, outcome: Outcome) -> None:
    """An IPv4 packet of ICMP came. An echo request's last octet tells whose label its container had."""
    size = 4 * (packet[0] & 15)
    if packet[size] != _ECHO_REQUEST:
        return
    place = ADDRESSES.index(socket.inet_ntoa(packet[16:20]))
    if packet[-1] == place:
        outcome.pings += 1
    else:
        outcome.denied_pings += 1


def note(data: bytes, place: int, now: float, outcome: Outcome) -> None:
    """A datagram of any number of lines came to an address."""
    found = list(_LINE.finditer(data))
    outcome.strays += not found
    for each in found:
        life = outcome.lives[int(each[1])]
        number = int(each[4])
        if KINDS[place] != life.kind or int(each[3]) != place:
            life.denied.append((number, now))
            continue
        if not life.arrived:
            life.entered, life.through, life.first = float(each[5]), now, number
        life.arrived += 1
        life.first, life.last = min(life.first, number), max(life.last, number)


def at(share: float, ordered: Sequence[float]) -> float:
    """The value that so large a share is not above; 0 of none."""
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0


def lines(outcome: Outcome) -> Iterator[str]:
    """The report."""
    took = [1e3 * each for each in outcome.took]
    rate = len(outcome.lives) / outcome.seconds
    yield f"{len(outcome.lives)} containers in {outcome.seconds:.0f} s, {rate:.1f} a second"
    yield (
        f"{outcome.addresses} addresses, {outcome.reused} times taken over by a container that may reach something else"
    )
    yield (
        f"from a container's first instruction to its first packet let through: p50 {at(0.5, took):.0f} ms,"
        f" p99 {at(0.99, took):.0f} ms, at most {at(1, took):.0f} ms"
        " (its clock has steps of 10 ms, packets go each 10 ms)"
    )
    arrived = sum(life.arrived for life in outcome.lives)
    yield (
        f"{arrived} allowed packets arrived, LOST after the first {outcome.lost};"
        f" containers never let through {outcome.never}"
    )
    yield (
        f"denied packets that arrived: {outcome.denied_arrived}, and {outcome.denied_pings} pings of the first moments,"
        f" of which {outcome.pings} allowed ones arrived"
    )
    yield f"endpoints left when all were gone: {outcome.endpoints_left}; strays {outcome.strays}"


def main(arguments: Sequence[str]) -> int:
    """The exit status; the report goes to standard output. Runs inside of namespaces that `enclosed` made."""
    given = _parser().parse_args(arguments)
    if why_not := lacking():
        print(why_not, file=sys.stderr)
        return FAILED
    conditions = report.machine()
    outcome = measure(given.rate, given.seconds, given.life, lambda text: print(text, file=sys.stderr, flush=True))
    print(report.listed(conditions), f"{given.rate:g} a second asked for, each for {given.life:g} s", sep="\n")
    for line in lines(outcome):
        print(line)
    if given.json is not None:
        given.json.write_text(json.dumps({"conditions": conditions} | asdict(outcome), indent=1) + "\n")
    return 1 if outcome.is_wrong else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m loadtest.containers", description=(__doc__ or "").split("\n\n")[0])
    add = parser.add_argument
    add("--rate", type=float, default=RATE, help="containers started a second")
    add("--seconds", type=float, default=SECONDS, help="for so long")
    add("--life", type=float, default=LIFE, help="seconds from a container's first packet let through to its removal")
    add("--json", type=Path, metavar="FILE", help="write the figures there, too")
    return parser


if __name__ == "__main__":
    own = [word for word in sys.argv[1:] if word != INSIDE]
    checked = _parser().parse_args(own)
    if checked.rate <= 0 or checked.seconds <= 0 or checked.life <= 0:
        _parser().error("a rate, a time and a life above 0")
    sys.exit(enclosed("loadtest.containers", lambda: main(own)))
