"""Open-loop load: every question goes out at its time, whatever became of those before it.

One process sends, another one notes when answers came, by the kernel's clock (SO_TIMESTAMPNS): neither waits for the
forwarder or for the other one, so that a pause of the forwarder is felt by every question that falls into it
(no coordinated omission). Run as a program in the network that asks; takes a plan as JSON, prints what it found.
SIGTERM ends the questions, not the waiting for answers.
"""

import ctypes
import gc
import json
import mmap
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from loadtest.dns.dnsperf import LoadError
from loadtest.dns.query import is_answer, question
from tests.support.netns import Namespace

SOCKETS = 8
PATIENCE = 5.0
"""Seconds after which a question counts as unanswered."""

_IDS = 1 << 16
_PR_SET_TIMERSLACK = 29
_SO_TIMESTAMPNS = 35
_BUFFER = 4 << 20
_BURST = 32
_BILLION = 1_000_000_000
_REPLY = 4096
_FAILED = -1
"""In place of the time of an answer: one came that says no."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to ask, and when."""

    server: str
    source: str
    first_port: int
    """0: any. Otherwise the sockets have this source port and the following ones."""

    rate: float
    """Questions a second."""

    count: int
    names: str
    """With ``{0}`` for a number, or ``{1}`` and ``{2}`` for its higher octets and its lowest one."""

    distinct: int
    """Numbers go from 0 up to here, and start again."""

    retry_after: float = 0.0
    """Seconds after which a stub asks once more; every other question is a stub's. 0: nobody asks twice."""

    sockets: int = SOCKETS
    start: int = 0
    """The number that comes first: who goes on where another plan ended asks what it did not. A multiple of
    ``sockets``, so that every name goes on being asked by another one each time around."""

    announced: bool = False
    """Whether a line on standard error says when the questions begin."""


@dataclass(frozen=True, slots=True)
class Found:
    """What became of the questions, in their order. Nanoseconds."""

    answered: list[int]
    """From the time at which a question was due until its answer arrived; -1 for an answer that says no, 0 for none."""

    late: list[int]
    """From the time at which a question was due until it was sent: what the generator adds."""

    silence: float
    """The longest time without a good answer, in seconds, from first to last question."""

    first: int
    """When the first question was due, on the clock of `time.time_ns`."""


class _Times:
    """Nanoseconds for every question, in memory that both processes see."""

    def __init__(self, count: int) -> None:
        self.values = memoryview(mmap.mmap(-1, max(count, 1) * 8)).cast("q")


class _Run:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._sent, self._came = _Times(plan.count).values, _Times(plan.count).values
        self._progress = _Times(1).values
        self._stopped = False
        self._sockets = [self._opened(number) for number in range(plan.sockets)]

    def measure(self) -> Found:
        plan = self._plan
        numbers = ((plan.start + number) % plan.distinct for number in range(min(plan.distinct, plan.count)))
        questions = [question(plan.names.format(number, *divmod(number, 256))) for number in numbers]
        reading, writing = os.pipe()
        receiver = os.fork()
        if not receiver:
            os.close(writing)
            try:
                self._receive(reading)
            finally:
                os._exit(0)
        os.close(reading)
        gc.disable()
        ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1)
        signal.signal(signal.SIGTERM, self._stop)
        due = self._send(questions)
        os.close(writing)
        os.waitpid(receiver, 0)
        return self._found(due)

    def _stop(self, *_: object) -> None:
        self._stopped = True

    def _opened(self, number: int) -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        made.setblocking(False)
        made.bind((self._plan.source, self._plan.first_port + number if self._plan.first_port else 0))
        made.connect((self._plan.server, 53))
        return made

    def _send(self, questions: Sequence[bytes]) -> int:
        """Returns the time at which the first was due."""
        plan, sent = self._plan, self._sent
        interval = _BILLION / plan.rate
        clock, count, number = time.time_ns, plan.count, 0
        retries = _Retries(plan, sent, self._came, lambda number: self._ask(number, questions))
        first = clock() + _BILLION // 10
        if plan.announced:
            print("asking", file=sys.stderr, flush=True)
        while number < count and not self._stopped:
            wait = first + number * interval - clock()
            if wait > 0:
                retries.until(clock())
                time.sleep(wait / _BILLION)
                continue
            sent[number] = clock()
            self._progress[0] = number + 1
            self._ask(number, questions)
            number += 1
        end = clock() + int(PATIENCE * _BILLION)
        recent = self._came[max(0, number - int(2 * PATIENCE * plan.rate)) : number]
        while clock() < end and 0 in recent:
            retries.until(clock())
            time.sleep(0.01)
        return first

    def _ask(self, number: int, questions: Sequence[bytes]) -> None:
        asker = self._sockets[number % len(self._sockets)]
        identifier = number // len(self._sockets) % _IDS
        try:
            asker.send(identifier.to_bytes(2, "big") + questions[number % len(questions)])
        except OSError:  # nobody listens: told by an earlier packet, and this one was not sent
            try:
                asker.send(identifier.to_bytes(2, "big") + questions[number % len(questions)])
            except OSError:
                return

    def _receive(self, reading: int) -> None:
        """Note arrivals until the other process closes its end."""
        epoll = select.epoll()
        numbers = {each.fileno(): number for number, each in enumerate(self._sockets)}
        for each in self._sockets:
            epoll.register(each, select.EPOLLIN)
        epoll.register(reading, select.EPOLLHUP)
        while True:
            for handle, _ in epoll.poll():
                if handle == reading:
                    return
                self._drain(numbers[handle])

    def _drain(self, which: int) -> None:
        receive, came, progress = self._sockets[which].recvmsg, self._came, self._progress
        count, period = len(self._sockets), len(self._sockets) * _IDS
        for _ in range(_BURST):
            try:
                message, ancillary, _, _ = receive(_REPLY, 64)
            except OSError:
                return
            if len(message) < 12:
                continue
            number = int.from_bytes(message[:2], "big") * count + which
            number += (progress[0] - 1 - number) // period * period
            if number >= 0 and not came[number]:
                seconds, nanoseconds = struct.unpack("qq", ancillary[0][2])
                came[number] = seconds * _BILLION + nanoseconds if is_answer(message) else _FAILED

    def _found(self, first: int) -> Found:
        interval = _BILLION / self._plan.rate
        answered, late = [], []
        asked = self._progress[0]
        for number, (sent, came) in enumerate(zip(self._sent[:asked], self._came[:asked], strict=True)):
            due = int(first + number * interval)
            late.append(sent - due)
            is_late = came > 0 and came - due > PATIENCE * _BILLION
            answered.append(0 if is_late else came if came <= 0 else came - due)
        arrivals = sorted(came for came in self._came if came > 0)
        last = int(first + (asked - 1) * interval)
        ends = [first, *arrivals, max(last, arrivals[-1] if arrivals else 0)]
        silence = max(after - before for before, after in pairwise(ends)) / _BILLION
        return Found(answered, late, silence, first)


class _Retries:
    """Questions that a stub asks once more, in order."""

    def __init__(self, plan: Plan, sent: Sequence[int], came: Sequence[int], ask: Callable[[int], None]) -> None:
        self._wait = int(plan.retry_after * _BILLION)
        self._count, self._sent, self._came, self._ask = plan.count, sent, came, ask
        self._next = 1

    def until(self, now: int) -> None:
        """Those whose time has come."""
        while self._wait and self._next < self._count:
            sent = self._sent[self._next]
            if not sent or sent + self._wait > now:
                return
            if not self._came[self._next]:
                self._ask(self._next)
            self._next += 2


def asked(place: Namespace, plan: Plan) -> Found:
    """Carry the plan out in this network. Raises LoadError."""
    with place.entered():
        done = subprocess.run(command(plan), capture_output=True, text=True, check=False)
    if done.returncode:
        raise LoadError(f"the load generator: {done.stderr.strip()}")
    return found_in(done.stdout)


def command(plan: Plan) -> list[str]:
    """The program that carries it out."""
    return [sys.executable, "-m", "loadtest.dns.openloop", json.dumps(asdict(plan))]


def found_in(text: str) -> Found:
    """What the program printed."""
    values: dict[str, Any] = json.loads(text)
    return Found(**values)


def main() -> None:
    """The plan is the only argument."""
    found = _Run(Plan(**json.loads(sys.argv[1]))).measure()
    json.dump(asdict(found), sys.stdout)


if __name__ == "__main__":
    main()
