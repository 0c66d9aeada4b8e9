"""Both engines, and what they found."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.lab import topology
from tests.support.lab.lab import Lab
from tests.support.lab.process import run
from tests.torrent.streams import OUTSIDE, STREAMS, Stream, Verdict, Way

_PORT_TO_NODE = "to-node"
_FENCE_FROM, _FENCE_TO = "172.16.0.9", "198.51.100.200"
"""Through the node and back outside; no workload has part in it. Its source is nobody's, or it would be a martian."""

_FENCE_PORTS = {Way.OUT: 9100, Way.IN: 9101}


@dataclass(slots=True)
class Found:
    """What both engines say of one phase."""

    seconds: float = 0.0
    allowed: int = 0
    denied: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    passed: Counter[str] = field(default_factory=Counter)
    lost_between: tuple[float, float] | None = None
    """First and last moment, on the clock of `time.monotonic`."""

    passed_between: tuple[float, float] | None = None

    @property
    def packets(self) -> int:
        return self.allowed + self.denied

    @property
    def is_wrong(self) -> bool:
        return bool(self.lost or self.passed)

    def __str__(self) -> str:
        return (
            f"{self.seconds:.1f} s, {self.allowed} allowed packets, of which were lost {dict(self.lost) or 0}, "
            f"{self.denied} denied ones, of which were let through {dict(self.passed) or 0}"
        )


class EnginesError(Exception):
    """The rig itself failed; the text says how."""


class Engines:
    """Two processes, one for each way, each on a processor of its own where there are two. A context manager."""

    def __init__(self, lab: Lab, *, turns: int, each: int = 8, nice: int = 0) -> None:
        """``turns``: windows with source ports of their own. ``each``: packets of a stream in a window."""
        processors = sorted(os.sched_getaffinity(0))
        self._orders = {
            way: {
                "mark": 1 + number,
                "processor": processors[number % len(processors)],
                "turns": turns,
                "each": each,
                "nice": nice,
                "streams": [
                    _told(lab, stream, version) for stream in STREAMS if stream.way is way for version in (0, 1)
                ],
                "fence": {
                    "sender": f"{OUTSIDE}/{_PORT_TO_NODE}",
                    "next_hop": hardware(topology.NODE, topology.UPLINK),
                    "hardware": hardware(OUTSIDE, _PORT_TO_NODE),
                    "source": _FENCE_FROM,
                    "to": _FENCE_TO,
                    "received_by": OUTSIDE,
                    "port": _FENCE_PORTS[way],
                },
            }
            for number, way in enumerate(Way)
        }
        self._processes: dict[Way, subprocess.Popen[str]] = {}
        self.told: dict[Way, dict[str, Any]] = {}
        """The last words of each."""

    def __enter__(self) -> Self:
        root = Path(__file__).parents[2]
        for way, order in self._orders.items():
            command = [sys.executable, "-m", "tests.torrent.engine"]
            self._processes[way] = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=root,
            )
            self._write(way, order)
        self._hear()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes.values():
            process.kill()
            process.communicate()

    def phase(self, name: str) -> None:
        """From now on all counts for that. Returns once both have sent a window since."""
        self._say({"phase": name})

    def expect(self, verdicts: Mapping[str, Verdict]) -> None:
        """From the next window on this becomes of these streams. Returns once both have sent one."""
        self._say({"verdicts": {name: verdict.value for name, verdict in verdicts.items()}})

    def stop(self) -> None:
        """Returns with their last words in ``told``."""
        self._say({"stop": True})

    def found(self, name: str) -> Found:
        """Of one phase, as far as they have told."""
        found = Found()
        for told in self.told.values():
            phase = told["phases"].get(name)
            if phase is None:
                continue
            found.seconds = max(found.seconds, phase["seconds"])
            found.allowed += phase["allowed"]
            found.denied += phase["denied"]
            found.lost.update(phase["lost"])
            found.passed.update(phase["passed"])
            found.lost_between = _joined(found.lost_between, phase["lost_between"])
            found.passed_between = _joined(found.passed_between, phase["passed_between"])
        return found

    @property
    def phases(self) -> list[str]:
        """In the order of their beginnings."""
        return list(dict.fromkeys(name for told in self.told.values() for name in told["phases"]))

    @property
    def without_room(self) -> int:
        """Packets that came as far as a socket and no further."""
        return sum(int(told["no room"]) for told in self.told.values())

    def _say(self, command: Mapping[str, Any]) -> None:
        for way in self._processes:
            self._write(way, command)
        self._hear()

    def _write(self, way: Way, what: Mapping[str, Any]) -> None:
        stream = self._processes[way].stdin
        assert stream is not None
        stream.write(json.dumps(what) + "\n")
        stream.flush()

    def _hear(self) -> None:
        for way, process in self._processes.items():
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise EnginesError(f"the engine that sends {way.value} ended with status {process.wait()}")
            self.told[way] = json.loads(line)


def hardware(namespace: str, interface: str) -> str:
    """The address of an interface, in hexadecimal."""
    told = json.loads(run(namespace, f"ip -json link show {interface}"))
    return str(told[0]["address"]).replace(":", "")


def _told(lab: Lab, stream: Stream, version: int) -> dict[str, Any]:
    """A stream of one IP version (0: IPv4, 1: IPv6), as an engine needs it."""
    if stream.way is Way.OUT:
        sender, near = f"{stream.sent_by}/eth0", lab.workloads[stream.sent_by].interface
        own, next_hop = hardware(stream.sent_by, "eth0"), hardware(topology.NODE, near)
    else:
        sender = f"{OUTSIDE}/{_PORT_TO_NODE}"
        own, next_hop = hardware(OUTSIDE, _PORT_TO_NODE), hardware(topology.NODE, topology.UPLINK)
    return {
        "name": stream.name,
        "way": "out" if stream.way is Way.OUT else "in",
        "verdict": stream.verdict.value,
        "sender": sender,
        "hardware": own,
        "next_hop": next_hop,
        "source": stream.source[version],
        "to": stream.to[version],
        "received_by": stream.received_by,
        "is_replied": stream.is_replied,
    }


def _joined(some: tuple[float, float] | None, other: list[float]) -> tuple[float, float] | None:
    if not other:
        return some
    if some is None:
        return other[0], other[1]
    return min(some[0], other[0]), max(some[1], other[1])
