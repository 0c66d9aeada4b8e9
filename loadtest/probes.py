"""Where time goes: the steps of a change, as the product's own calls, timed from outside.

Each probe stands around one function or method. Time inside another probe counts for the inner one only, so that the
steps add up; what no probe covers is hand-over between threads and the event loop. The time is that of the processor,
the kernel's work inside a call included: who else uses the machine does not show.
"""

import cProfile
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from importlib import import_module
from time import thread_time
from typing import Any, NamedTuple

from dnsguard.netlink.codec import HEADER_LENGTH
from dnsguard.netlink.nftables import Message


class Probe(NamedTuple):
    """A callable of the product and the step that it belongs to."""

    step: str
    module: str
    path: str
    """Dotted, below the module."""


PROBES = (
    Probe("parse", "dnsguard.controller.inputs", "parse_object"),
    Probe("compile", "dnsguard.calc.compile", "Compiler.compile"),
    Probe("plan", "dnsguard.dataplane.planner", "Planner.plan"),
    Probe("difference", "dnsguard.dataplane.driver", "Driver.prepare"),
    Probe("difference", "dnsguard.dataplane.driver", "Driver.switch"),
    Probe("difference", "dnsguard.dataplane.driver", "Driver.sweep"),
    Probe("guard", "dnsguard.dataplane.driver", "Driver.lost"),
    Probe("kernel", "dnsguard.netlink.socket", "NetfilterSocket.transact"),
    Probe("kernel", "dnsguard.netlink.socket", "NetfilterSocket.dump"),
    Probe("link", "dnsguard.controller.feeds", "Feeds.snapshot"),
    Probe("link", "dnsguard.controller.enforcement", "for_both"),
    Probe("link", "dnsguard.controller.enforcement", "opens"),
    Probe("link", "dnsguard.link.server", "LinkServer.publish"),
)
STEPS = tuple(dict.fromkeys(probe.step for probe in PROBES))
WHOLE = frozenset({"guard"})
"""Steps that keep what is inside them: the guard reads the kernel on behalf of nobody else."""


class ProbeError(Exception):
    """The product has no such callable: a probe points to a name that moved."""


@dataclass(slots=True)
class Recorder:
    """What the probes saw since `start`. Steps of several threads may overlap."""

    profiled: str = ""
    """The step to profile, if any."""

    profile: cProfile.Profile = field(default_factory=cProfile.Profile)
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    transactions: int = 0
    messages: int = 0
    bytes: int = 0
    _open: threading.local = field(default_factory=threading.local)

    def start(self) -> None:
        """Forget what was before."""
        self.seconds.clear()
        self.transactions = self.messages = self.bytes = 0

    def sent(self, messages: Sequence[Message]) -> None:
        """One transaction with the kernel."""
        if messages:
            self.transactions += 1
            self.messages += len(messages)
            self.bytes += sum(len(message.body) + HEADER_LENGTH for message in messages)

    def run(self, step: str, call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Call, and count its time for the step, or for the one around it where that keeps all."""
        stack: list[_Span] = self._open.__dict__.setdefault("stack", [])
        if stack and stack[-1].step in WHOLE:
            return call(*arguments, **named)
        profiles = step == self.profiled and all(span.step != step for span in stack)
        span = _Span(step)
        stack.append(span)
        if profiles:
            self.profile.enable()
        began = thread_time()
        try:
            return call(*arguments, **named)
        finally:
            took = thread_time() - began
            if profiles:
                self.profile.disable()
            stack.pop()
            self.seconds[step] += took - span.inside
            if stack:
                stack[-1].inside += took


@dataclass(slots=True)
class _Span:
    step: str
    inside: float = 0.0
    """Seconds in inner probes."""


@contextmanager
def installed(recorder: Recorder, probes: Sequence[Probe] = PROBES) -> Iterator[None]:
    """The probes stand while the context lasts. Raises ProbeError, all missing names at once."""
    places = [(probe, *_place(probe)) for probe in probes]
    if missing := [f"{probe.module}.{probe.path}" for probe, _, _, found in places if found is None]:
        raise ProbeError(f"nothing to time at {', '.join(missing)}: correct the table of probes")
    try:
        for probe, holder, name, original in places:
            setattr(holder, name, _timed(recorder, probe, original))
        yield
    finally:
        for _, holder, name, original in places:
            setattr(holder, name, original)


def _place(probe: Probe) -> tuple[Any, str, Any]:
    *outer, name = probe.path.split(".")
    holder: Any = import_module(probe.module)
    for part in outer:
        holder = getattr(holder, part, None)
    return holder, name, getattr(holder, name, None)


def _timed(recorder: Recorder, probe: Probe, original: Callable[..., Any]) -> Callable[..., Any]:
    is_transaction = probe.path.endswith(".transact")

    @wraps(original)
    def timed(*arguments: Any, **named: Any) -> Any:
        if is_transaction:
            recorder.sent(arguments[1])
        return recorder.run(probe.step, original, *arguments, **named)

    return timed
