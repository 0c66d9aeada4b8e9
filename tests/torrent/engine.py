"""One of two processes that send the streams and look what became of each packet. Started by `engines`.

A window of packets, of all streams in turn, is handed to the kernel, and after it a fence: a packet that policy does
not concern, which goes through the node to the outside. All of a window and its fence go through the same queues of one
processor in order, so when the fence has arrived whatever is still missing was dropped, and nothing waits for a time. A
window fits every buffer on the way. So an allowed packet that is missing is a finding, as is a denied one that is
there.

The first line of standard input says what to send (see ``Window``), then come commands: ``{"phase": NAME}``,
``{"verdicts": {STREAM: VERDICT}}``, ``{"stop": true}``. Each is acknowledged with a line that has the totals of all
phases, once a window under it has been sent.
"""

import ctypes
import json
import os
import select
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from socket import socket
from typing import Any

from tests.support.mmsg import interface
from tests.torrent.frames import Template
from tests.torrent.streams import OWN_PORTS, PORT, REPLIED_PORT
from tests.torrent.wire import Frames, Receiver

_CLONE_NEWNET = 0x40000000
_INDEX_BITS = 12
_INDEX = (1 << _INDEX_BITS) - 1
_MARK_SHIFT = 56
_FENCE_PATIENCE = 30.0
_FIRST_PORT = 10_000
"""Above all ports that packets go to: no two streams are the two ways of one flow."""
_EXAMPLES = 200

Json = dict[str, Any]


@contextmanager
def within(namespace: str) -> Iterator[None]:
    """Sockets that are made meanwhile are of that network."""
    libc = ctypes.CDLL(None, use_errno=True)
    own = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    try:
        if libc.setns(there, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"setns {namespace}")
        yield
        libc.setns(own, _CLONE_NEWNET)
    finally:
        os.close(own)
        os.close(there)


@dataclass(slots=True)
class Phase:
    """What happened while one thing was done to dnsguard."""

    windows: int = 0
    seconds: float = 0.0
    allowed: int = 0
    denied: int = 0
    either: int = 0
    lost: dict[str, int] = field(default_factory=dict)
    """Stream → allowed packets that did not arrive."""

    passed: dict[str, int] = field(default_factory=dict)
    """Stream → denied packets that did."""

    lost_between: list[float] = field(default_factory=list)
    """When the first such window began and the last one ended."""

    passed_between: list[float] = field(default_factory=list)

    def told(self) -> Json:
        return {name: getattr(self, name) for name in self.__slots__}


class Window:
    """The packets of one turn: where in the frames they stand, of which stream each is, and who receives it."""

    def __init__(self, order: Json) -> None:
        self.turns = int(order["turns"])
        self._streams = order["streams"]
        self._each = int(order["each"])
        self.of: list[str] = []
        """Index → stream."""

        self._receiver_of: list[str] = []
        self.groups: list[tuple[str, int, int]] = []
        """Sender, first index, count."""

        self._sources: list[tuple[Template, Json, int]] = []
        by_sender: dict[str, list[Json]] = {}
        for stream in self._streams:
            by_sender.setdefault(stream["sender"], []).append(stream)
        for sender, streams in by_sender.items():
            first = len(self.of)
            templates = [Template(_hardware(each), each["source"], each["to"]) for each in streams]
            for place in range(self._each):  # in turn, so that allowed and denied ones alternate
                for stream, template in zip(streams, templates, strict=True):
                    self.of.append(stream["name"])
                    self._receiver_of.append(_receiver(stream))
                    self._sources.append((template, stream, place))
            self.groups.append((sender, first, len(self.of) - first))
        fence = order["fence"]
        self._fence = Template(_hardware(fence), fence["source"], fence["to"]), int(fence["port"])
        self.groups.append((fence["sender"], len(self.of), 1))
        self.size = len(self.of) + 1

    def frames(self) -> Frames:
        """Of all turns."""
        template, port = self._fence
        made = []
        for turn in range(self.turns):
            for source, stream, place in self._sources:
                made.append(source.frame(*_ports(stream, turn * self._each + place, place)))
            made.append(template.frame(port, port))
        return Frames(made)

    def expected(self, verdicts: dict[str, str]) -> dict[str, list[int]]:
        """Receiver → indexes that are to arrive there, in order."""
        found: dict[str, list[int]] = {name: [] for name in self._receiver_of}
        for index, (stream, receiver) in enumerate(zip(self.of, self._receiver_of, strict=True)):
            if verdicts[stream] == "arrives":
                found[receiver].append(index)
        return found


def _hardware(stream: Json) -> tuple[bytes, bytes]:
    return bytes.fromhex(stream["next_hop"]), bytes.fromhex(stream["hardware"])


def _receiver(stream: Json) -> str:
    """Name of the socket: network and port."""
    if not stream["is_replied"]:
        return f"{stream['received_by']}#{PORT}"
    return f"{stream['received_by']}#{REPLIED_PORT}" if stream["way"] == "out" else f"{stream['received_by']}#own"


def _ports(stream: Json, number: int, place: int) -> tuple[int, int]:
    """Source and destination."""
    if not stream["is_replied"]:
        return _FIRST_PORT + number % (65_536 - _FIRST_PORT), PORT
    own = OWN_PORTS[place % len(OWN_PORTS)]
    return (own, REPLIED_PORT) if stream["way"] == "out" else (REPLIED_PORT, own)


class Engine:
    """Sends window after window until it is told to stop."""

    def __init__(self, order: Json) -> None:
        self._window = Window(order)
        self._verdicts: dict[str, str] = {each["name"]: each["verdict"] for each in order["streams"]}
        self._mark = int(order["mark"]) << _MARK_SHIFT
        self._senders: dict[str, socket] = {}
        for name in {sender for sender, _, _ in self._window.groups}:
            namespace, _, device = name.partition("/")
            with within(namespace):
                self._senders[name] = interface(device)
        self._receivers: dict[str, list[Receiver]] = {}
        for name in self._window.expected(self._verdicts):
            namespace, _, port = name.partition("#")
            with within(namespace):
                ports = OWN_PORTS if port == "own" else [int(port)]
                self._receivers[name] = [Receiver(each) for each in ports]
        with within(order["fence"]["received_by"]):
            self._fence = Receiver(int(order["fence"]["port"]))
        self._arrival = select.poll()
        self._arrival.register(self._fence.socket, select.POLLIN)
        self._frames = self._window.frames()
        self._phases: dict[str, Phase] = {}
        self._examples: list[Json] = []
        self._number = 0
        self._judge()

    def _judge(self) -> None:
        """Take note of what is to arrive from now on."""
        expected = self._window.expected(self._verdicts)
        self._expected = [(self._receivers[name], expected[name]) for name in self._receivers]
        verdicts = [self._verdicts[stream] for stream in self._window.of]
        self._counts = tuple(verdicts.count(each) for each in ("arrives", "dropped", "either"))
        self._either = frozenset(index for index, each in enumerate(verdicts) if each == "either")

    def run(self) -> None:
        commands = select.poll()
        commands.register(sys.stdin.fileno(), select.POLLIN)
        phase, began = self._phases.setdefault("start", Phase()), time.monotonic()
        self._tell()
        while True:
            if commands.poll(0):
                command = json.loads(sys.stdin.readline() or '{"stop": true}')
                if "verdicts" in command:
                    self._verdicts.update(command["verdicts"])
                    self._judge()
                if "phase" in command or "stop" in command:
                    ended = time.monotonic()
                    phase.seconds, began = phase.seconds + ended - began, ended
                if "phase" in command:
                    phase = self._phases.setdefault(command["phase"], Phase())
                if "stop" in command:
                    break
                self._send(phase)
                self._tell()
            self._send(phase)
        self._tell()

    def _send(self, phase: Phase) -> None:
        """One window, from its first packet to the verdict about its last."""
        window, frames = self._window, self._frames
        began = time.monotonic()
        base = self._mark | self._number << _INDEX_BITS
        place = self._number % window.turns * window.size
        self._number += 1
        frames.number(place, window.size, base)
        for sender, first, count in window.groups:
            frames.send(self._senders[sender], place + first, count)
        self._await_fence(base + window.size - 1)
        for receivers, indexes in self._expected:
            got = receivers[0].received() if len(receivers) == 1 else sorted(_all(receivers))
            if self._either:
                got = [value for value in got if value & _INDEX not in self._either]
            if got != [base + index for index in indexes]:
                self._find(phase, base, set(got), {base + index for index in indexes}, began)
        phase.windows += 1
        phase.allowed += self._counts[0]
        phase.denied += self._counts[1]
        phase.either += self._counts[2]

    def _await_fence(self, value: int) -> None:
        give_up = time.monotonic() + _FENCE_PATIENCE
        while value not in self._fence.received():
            if not self._arrival.poll(1000) and time.monotonic() > give_up:
                raise RuntimeError("the fence did not arrive: the rig itself loses packets")

    def _find(self, phase: Phase, base: int, got: set[int], wanted: set[int], began: float) -> None:
        ended = time.monotonic()
        for what, values, between in (
            (phase.lost, wanted - got, phase.lost_between),
            (phase.passed, got - wanted, phase.passed_between),
        ):
            for value in sorted(values):
                stream = self._window.of[value & _INDEX]
                if value - (value & _INDEX) != base:
                    stream = f"{stream}, of another window"
                what[stream] = what.get(stream, 0) + 1
                if len(self._examples) < _EXAMPLES:
                    self._examples.append({"packet": value, "stream": stream, "lost": what is phase.lost, "at": began})
            if values:
                between[:] = [between[0] if between else began, ended]

    def _tell(self) -> None:
        told = {
            "phases": {name: phase.told() for name, phase in self._phases.items()},
            "streams": {stream: self._window.of.count(stream) for stream in self._verdicts},
            "examples": self._examples,
            "no room": sum(each.dropped for every in self._receivers.values() for each in every) + self._fence.dropped,
        }
        print(json.dumps(told), flush=True)


def _all(receivers: Sequence[Receiver]) -> list[int]:
    return [value for receiver in receivers for value in receiver.received()]


def main() -> None:
    """Until told to stop, or standard input ends."""
    order = json.loads(sys.stdin.readline())
    os.sched_setaffinity(0, {int(order["processor"])})
    os.nice(int(order["nice"]))
    Engine(order).run()


if __name__ == "__main__":
    main()
