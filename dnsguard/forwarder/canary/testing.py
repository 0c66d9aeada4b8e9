"""The self-test's task: makes the canary's pair, has a round every few seconds, and says what came of it.

::

    waiting ─► proven ◄─► failed        unproven: nothing can be proven here, and nothing speaks against it
       └─────► unproven ─► proven

A round that fails is repeated at once before it is believed, unless a packet passed that must not. In the first ten
seconds nobody complains: the table is the controller's to make.
"""

import asyncio
import errno
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from dnsguard.dataplane.canary import Canary
from dnsguard.errors import DnsguardError
from dnsguard.forwarder.canary.rounds import Asks, Failure, Rounds, Writes
from dnsguard.forwarder.counters import ForwarderCounters
from dnsguard.link.proof import Proof, ProofState
from dnsguard.netlink.canarypair import CanaryPair
from dnsguard.netlink.linkmessages import Road

log = logging.getLogger(__name__)

GRACE_SECONDS: Final = 10.0
AGAIN_SECONDS: Final = 0.5
"""After a round that failed; doubles up to the interval."""

SHORTEST_SECONDS: Final = 0.1
UNABLE_SECONDS: Final = 60.0
"""At most, between two attempts to make a pair where none can be made."""

ROUNDS_THAT_COUNT: Final = 3.0
_BEHIND: Final = ", whose packets another firewall drops behind dnsguard"
_SYSCTL: Final = Path("/proc/sys/net")


class SelfTest:
    """``run`` is one task; `close` when it has ended."""

    def __init__(
        self,
        canary: Canary,
        seconds: float,
        writes: Writes,
        asks: Asks,
        counters: ForwarderCounters,
        *,
        required: bool,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        """``seconds`` between two rounds. ``required``: where nothing can be proven, we are not ready. ``changed`` is
        called when something else is to be said of it than before."""
        self._roads = canary.roads()
        self._seconds = max(seconds, SHORTEST_SECONDS)
        self._counters = counters
        self._required = required
        self._changed = changed
        self._pair = CanaryPair(canary.interface, canary.peer)
        self._rounds = Rounds(self._pair, writes, asks)
        self._clock = asyncio.get_running_loop().time
        self._making = threading.Lock()
        self._is_closed = False
        self._began: float | None = None
        """When the first round was."""

        self._proven_at: float | None = None
        self._proven_families: tuple[int, ...] = ()
        self._state = ProofState.WAITING
        self._problem = ""
        self._is_dropped_behind = False
        self._failures = 0
        """In a row."""

        self._forwarded: set[int] = set()
        """Families that the node has forwarded since we look."""

        self._led: tuple[Road, ...] = ()
        """Those that the pair has routes for."""

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(self._pause())

    async def close(self) -> None:
        """Take the pair away, for good."""
        await asyncio.to_thread(self._close)

    @property
    def proof(self) -> Proof:
        """What is proven now."""
        ago = -1.0 if self._proven_at is None else self._clock() - self._proven_at
        families = " and ".join(f"IPv{family}" for family in self._proven_families)
        by = f"canary ({self._pair.way}), {families}{_BEHIND if self._is_dropped_behind else ''}" if families else ""
        counts_for = ROUNDS_THAT_COUNT * max(self._seconds, 1.0)
        return Proof(self._state, by, ago, counts_for, self._problem, self._required)

    # The pair, in a thread of its own: interfaces come and go under a lock that others may hold for long.

    def _close(self) -> None:
        with self._making:
            self._is_closed = True
            try:
                self._pair.close()
            except OSError as error:
                log.error("the self-test's interface stays: %s", error.strerror or error)

    def _prepare(self, roads: tuple[Road, ...]) -> None:
        """Have the pair as these need it. Raises OSError."""
        with self._making:
            if self._is_closed:
                return
            if self._pair.is_made:
                try:
                    self._pair.mend(roads)
                    return
                except OSError as error:
                    log.warning("the self-test's interface is made anew: %s", error.strerror or error)
            self._pair.make(roads)

    # One round.

    async def look(self) -> None:
        """One round, and what is to be said after it."""
        if self._began is None:
            self._began = self._clock()
        self._counters.self_test_rounds += 1
        families: list[int] = []
        try:
            failure = await self._round(families)
        except OSError as error:
            needed = " (it takes CAP_NET_RAW)" if error.errno == errno.EPERM else ""
            failure = Failure(f"no canary can be made: {error.strerror or error}{needed}", is_elsewhere=True)
        except DnsguardError as error:
            failure = Failure(str(error))
        except Exception as error:
            # A mistake of ours here must not take DNS with it.
            log.exception("the self-test failed")
            failure = Failure(f"internal error: {error!r}")
        if failure is None:
            self._failures = 0
            self._proven_at, self._proven_families = self._clock(), tuple(families)
            self._say(ProofState.PROVEN, "")
            return
        self._counters.self_test_failures += 1
        self._failures += 1
        self._judge(failure)

    async def _round(self, families: list[int]) -> Failure | None:
        """What failed. ``families`` get those that were proven. Raises OSError, DnsguardError."""
        roads = tuple(road for road in self._roads if road.client.version == 4 or _forwards(road.client.version))
        if self._failures or roads != self._led or not self._pair.is_made:
            await self._prepared(roads)
        for road in self._roads:
            family = road.client.version
            if _forwards(family):
                self._forwarded.add(family)
            elif family in self._forwarded:
                return Failure(f"IPv{family}: this node does not forward any more: {_switch(family)} is 0")
        is_dropped_behind = False
        for road in roads:
            try:
                failure = await self._rounds.prove(road)
            except FileNotFoundError:
                await self._prepared(roads)
                failure = await self._rounds.prove(road)
            if failure is not None:
                return Failure(f"IPv{road.client.version}: {failure.text}", failure.passed, failure.is_elsewhere)
            families.append(road.client.version)
            is_dropped_behind |= self._rounds.is_dropped_behind
        self._is_dropped_behind = is_dropped_behind
        return None

    async def _prepared(self, roads: tuple[Road, ...]) -> None:
        await asyncio.to_thread(self._prepare, roads)
        self._led = roads

    # What is said of it.

    def _judge(self, failure: Failure) -> None:
        was_proven = self._proven_at is not None
        is_early = self._began is not None and self._clock() < self._began + GRACE_SECONDS
        if not was_proven and failure.is_elsewhere:
            self._say(ProofState.UNPROVEN, failure.text)
        elif not was_proven and is_early:
            self._say(ProofState.WAITING, failure.text)
        elif failure.passed or self._failures > 1:
            self._say(ProofState.FAILED, failure.text)

    def _say(self, state: ProofState, problem: str) -> None:
        if (state, problem) == (self._state, self._problem):
            return
        was, self._state, self._problem = self._state, state, problem
        if state is ProofState.FAILED:
            log.error("the self-test fails, this node is not ready: %s", problem)
        elif state is ProofState.UNPROVEN and was is not ProofState.UNPROVEN:
            log.warning("that the table enforces cannot be proven: %s", problem)
        elif state is ProofState.PROVEN and was is not ProofState.PROVEN:
            log.info("%s", self.proof.words())
        self._changed()

    def _pause(self) -> float:
        if not self._failures:
            return self._seconds
        longest = max(self._seconds, UNABLE_SECONDS) if not self._pair.is_made else self._seconds
        return min(AGAIN_SECONDS * 2.0 ** min(self._failures - 1, 10), longest)


def _forwards(family: int) -> bool:
    """Whether the node forwards packets of a family from everywhere. What comes by the pair is forwarded for IPv4 in
    any case; for IPv6 there is no such switch before Linux 6.17."""
    if family == 4:
        return _reads(_switch(4)) == "1"
    return _reads(_switch(6)) == "1" and not any(
        _reads(f"ipv6.conf.{which}.disable_ipv6") == "1" for which in ("all", "default")
    )


def _switch(family: int) -> str:
    return "ipv4.ip_forward" if family == 4 else "ipv6.conf.all.forwarding"


def _reads(setting: str) -> str:
    try:
        return _SYSCTL.joinpath(*setting.split(".")).read_text().strip()
    except OSError:
        return ""
