"""Says loudly when everything passes, because no forwarder was alive for as long as the dead-man switch waits."""

import asyncio
import logging
from collections.abc import Iterator
from concurrent.futures import Executor
from typing import Protocol

from dnsguard.errors import DnsguardError
from dnsguard.observe.exposition import Metric, number

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0


class Switch(Protocol):
    """What is needed of the driver; blocks."""

    def fails_open(self) -> bool: ...


class Deadman:
    """``run`` is one task."""

    def __init__(self, after: float, switch: Switch, worker: Executor, seconds: float = LOOK_SECONDS) -> None:
        """``after``: seconds that the switch waits, 0 where there is none. ``worker``: the thread that talks to the
        kernel. ``seconds``: between two looks."""
        self.problem = ""
        """What is wrong now; empty while policy is in force."""

        self._after = after
        self._switch = switch
        self._worker = worker
        self._seconds = seconds

    async def run(self) -> None:
        """Until cancelled, or at once where there is no switch."""
        while self._after:
            try:
                is_open = await asyncio.get_running_loop().run_in_executor(self._worker, self._switch.fails_open)
            except DnsguardError as error:
                log.debug("whether everything passes cannot be seen: %s", error)
            else:
                self._note(is_open)
            await asyncio.sleep(self._seconds)

    def metrics(self) -> Iterator[Metric]:
        """Families for a scrape."""
        yield number("dnsguard_controller_fail_open_after_seconds", "gauge",
                     "After how long without a sign of life of a forwarder everything passes; 0: never.",
                     self._after)  # fmt: skip
        yield number("dnsguard_controller_everything_passes", "gauge",
                     "Whether everything passes for want of a forwarder that is alive: 1 or 0.",
                     int(bool(self.problem)))  # fmt: skip

    def _note(self, is_open: bool) -> None:
        problem = f"EVERYTHING PASSES: no forwarder was alive for {self._after:g} s (fail_open_after)"
        if is_open and not self.problem:
            log.error("%s", problem)
        elif self.problem and not is_open:
            log.warning("a forwarder is alive again: policy is in force; what connected meanwhile may go on")
        self.problem = problem if is_open else ""
