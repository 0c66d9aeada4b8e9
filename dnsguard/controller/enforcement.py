"""The one task that brings policy into force: compute, kernel sets, forwarders, kernel rules, sweep.

The order of a change is what keeps the promise on both sides::

    create new lease sets ─► publish what both rules need ─► wait for forwarders ─► switch rules ─► publish ─► sweep
                                                             only when the change opens something

No rule, old or new, looks into a set that nobody fills, an endpoint gets no answer before its rules stand, and a set is
deleted only when nobody writes to it any more. What takes away does not wait for forwarders.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from time import monotonic
from typing import Generic, Protocol, TypeVar

from dnsguard.controller.desired import Compute, Desired
from dnsguard.controller.inputs import Inputs
from dnsguard.controller.restoring import Restorations, is_of_rules
from dnsguard.controller.revoking.revoker import Revoker
from dnsguard.controller.telling import ACKNOWLEDGE_SECONDS, ATTENDED_SECONDS, Link, Telling
from dnsguard.controller.transition import as_judged, for_both
from dnsguard.dataplane.sentinel import Sighting
from dnsguard.errors import DnsguardError
from dnsguard.link.difference import opens, refills
from dnsguard.observe.histogram import Histogram

log = logging.getLogger(__name__)

Plan = TypeVar("Plan")
PlanIn = TypeVar("PlanIn", contravariant=True)
Result = TypeVar("Result")

COALESCE_SECONDS = 0.02
"""Between the end of one computation and the next: a lone change is enforced at once, a burst is one change."""

FIRST_PAUSE = 0.1
"""Seconds until the kernel is tried again after it refused; doubles up to ``LONGEST_PAUSE``."""

LONGEST_PAUSE = 10.0
GUARD_SECONDS = 1.0
"""Between two whole looks whether the table is still what we made it. What opens it is seen sooner, see `lookout`."""


@dataclass(frozen=True, slots=True)
class Pace:
    """The times of the loop, in seconds."""

    coalesce: float = COALESCE_SECONDS
    acknowledge: float = ACKNOWLEDGE_SECONDS
    attended: float = ATTENDED_SECONDS
    guard: float = GUARD_SECONDS
    first_pause: float = FIRST_PAUSE
    longest_pause: float = LONGEST_PAUSE


class Kernel(Protocol[PlanIn]):
    """The table. Every call blocks and comes from the same worker thread. All raise DnsguardError when refused, and
    then what was in force stays in force."""

    def open(self) -> None:
        """Adopt the table that an earlier run left as it is; where there is none, make one that is closed."""

    def prepare(self, plan: PlanIn) -> None:
        """Create what new rules will refer to, lease sets first. No packet notices."""

    def switch(self, plan: PlanIn, revise: bool) -> None:
        """Put the plan's rules in force in one transaction, and with ``revise`` begin another revision of policy."""

    def sweep(self, plan: PlanIn, lease_sets: bool) -> None:
        """Delete what the plan does not use; lease sets only when ``lease_sets`` says that nobody writes to them."""

    def judged_addresses(self) -> frozenset[str]:
        """The addresses of workloads that the rules in the table judge; empty where there are none."""

    def lost(self) -> bool:
        """Somebody else removed the table or rules of it since the last switch."""


class Enforcer(Generic[Plan]):
    """Owner of the kernel's rules. ``run`` is one task; the rest may be called from the same event loop at any time."""

    def __init__(
        self,
        inputs: Inputs,
        compute: Compute[Plan],
        kernel: Kernel[Plan],
        link: Link,
        worker: Executor,
        pace: Pace = Pace(),
        switched: Callable[[], None] = lambda: None,
        revoker: Revoker | None = None,
        progressed: Callable[[], None] = lambda: None,
    ) -> None:
        """``worker`` has one thread; everybody who talks to the kernel uses the same one. ``switched`` is called when
        other policy than before is in force, ``progressed`` when another state of the store is or ``problem`` is
        another; ``revoker`` says when established connections are to be judged again; without one they go on."""
        self._inputs = inputs
        self._compute = compute
        self._kernel = kernel
        self._telling = Telling(link, pace.acknowledge, pace.attended)
        self._worker = worker
        self._pace = pace
        self._switched = switched
        self._revoker = revoker
        self._progressed = progressed
        self._pause = pace.first_pause
        self._wake = asyncio.Event()
        self._listed = False
        self._stale = False
        self._reassert = False
        self._unswept = False
        self._next_look = 0.0
        self._judged: frozenset[str] = frozenset()
        """Addresses of workloads that have rules since an earlier run."""

        self.enforced: Desired[Plan] | None = None
        """What the kernel holds; ``None`` until the first time in sync, while the rules of an earlier run stand."""

        self.enforced_at = 0.0
        """When it was put in force, in seconds since 1970."""

        self.problem = ""
        """Why ``enforced`` is not what the store asks for; empty when all is well."""

        self.durations = Histogram()
        """What changes took, from the state of the store until it was in force."""

        self.failures = 0
        """Attempts that the kernel refused, or that failed otherwise."""

        self.restorations = Restorations()
        """What others did to the table, and what it took to make up for it."""

        self._sighting: Sighting | None = None
        """What was seen of it, and nothing done about yet."""

    def wake(self) -> None:
        """A forwarder introduced itself, or anything else that the computation depends on is different."""
        self._stale = True
        self._wake.set()

    def changed(self) -> None:
        """``inputs`` is a state of the store, and differs from the last one."""
        self._listed = True
        self.wake()

    def harmed(self, sighting: Sighting) -> None:
        """Others did this to the table."""
        if self.restorations.is_past(sighting):
            return
        if not is_of_rules(self._sighting):
            self._sighting = sighting
        self._wake.set()

    @property
    def in_sync(self) -> bool:
        """The kernel holds what the store, as far as we follow it, asks for."""
        return self.enforced is not None and self.enforced.revision == self._inputs.revision and not self.problem

    @property
    def holds(self) -> bool:
        """The kernel holds what ``enforced`` asks for, as far as is known: nobody took it away since."""
        return self.enforced is not None and not self._reassert

    async def run(self) -> None:
        """Enforce until cancelled. Nothing that goes wrong ends it: what is in force stays, and it tries again."""
        opened = await self._attempt(self._open)
        while not opened:
            await asyncio.sleep(self._next_pause())
            opened = await self._attempt(self._open)
        clock = asyncio.get_running_loop().time
        rested = clock()
        while True:
            try:
                async with asyncio.timeout(self._patience()):
                    await self._wake.wait()
                if self._sighting is None:
                    await asyncio.sleep(rested + self._pace.coalesce - clock())
            except TimeoutError:
                pass
            self._wake.clear()
            if await self._attempt(self._step):
                self._pause = self._pace.first_pause
            rested = clock()

    def _patience(self) -> float:
        """Seconds until the next step, if nobody asks for one."""
        if self.problem:
            return self._next_pause()
        left = None if self._revoker is None else self._revoker.seconds_left
        return self._pace.guard if left is None else min(left, self._pace.guard)

    def _next_pause(self) -> float:
        pause = self._pause
        self._pause = min(pause * 2, self._pace.longest_pause)
        return pause

    async def _attempt(self, action: Callable[[], Awaitable[None]]) -> bool:
        try:
            await action()
        except DnsguardError as error:
            self.failures += 1
            self._say(str(error))
        except Exception as error:
            self.failures += 1
            # A mistake of ours must not take the enforcement of everything else with it.
            log.exception("enforcement failed")
            self._say(f"internal error: {error!r}")
        else:
            self._say("")
            return True
        return False

    def _say(self, problem: str) -> None:
        if problem == self.problem:
            return
        if problem:
            log.error("policy is not enforced as written, what was in force stays: %s", problem)
        else:
            log.info("policy is enforced as written again")
        self.problem = problem
        self._progressed()

    async def _open(self) -> None:
        await self._in_worker(self._kernel.open)
        self._judged = await self._in_worker(self._kernel.judged_addresses)
        self._telling.misses_forwarder = bool(self._judged)

    async def _step(self) -> None:
        sighting, self._sighting = self._sighting, None
        is_due = self._is_time_to_look() or is_of_rules(sighting)
        is_lost = is_due and await self._in_worker(self._kernel.lost)
        if is_lost or sighting is not None:
            log.warning("%s", self.restorations.began(monotonic(), sighting))
        if is_lost or (sighting is not None and not is_of_rules(sighting)):
            self._reassert = True
        elif sighting is not None:
            log.info("%s", self.restorations.ended(monotonic()))
        if is_lost:
            await self._in_worker(self._kernel.open)
        if self._listed and (self._stale or self._reassert or self.problem):
            self._stale = False
            await self._enforce()
        if self._revoker is not None and self._revoker.seconds_left == 0.0 and self.enforced is not None:
            await self._revise(self._revoker, self._revoker.is_due, self.enforced)
        if self._unswept and self.enforced is not None:
            await self._sweep(self.enforced.plan)

    def _is_time_to_look(self) -> bool:
        """A look at a large table takes longer than most changes, so they do not each wait for one."""
        now = asyncio.get_running_loop().time()
        if now < self._next_look and not self.problem:
            return False
        self._next_look = now + self._pace.guard
        return True

    async def _enforce(self) -> None:
        began = monotonic()
        desired = await asyncio.to_thread(
            self._compute, self._inputs.resources, self._telling.listen, self._inputs.revision
        )
        await self._in_worker(self._kernel.prepare, desired.plan)
        before = None if self.enforced is None else self.enforced.snapshot
        if self._reassert or (before is None and not self._judged):
            # Nothing is in force: close first, forwarders fill the sets afterwards.
            await self._switch(desired, revises=not self._reassert)
            self.durations.observe(monotonic() - began)
            self._telling.tell(desired.snapshot, reassert=self._reassert)
            if self._reassert:
                log.info("%s", self.restorations.ended(monotonic()))
            self._reassert = False
            return
        first = as_judged(desired.snapshot, self._judged) if before is None else for_both(before, desired.snapshot)
        # What the sets hold that an earlier run left is not known.
        if first.lease_sets if before is None else refills(before, first):
            self._telling.unfilled = True
        await self._telling.have_filled(first, is_awaited=before is None or opens(before, first))
        await self._switch(desired)
        self.durations.observe(monotonic() - began)
        self._telling.tell(desired.snapshot)
        if self._revoker is not None and self._revoker.waits_for_leases:
            await self._telling.acknowledged()
            await self._revise(self._revoker, self._revoker.leases_went, desired)

    async def _switch(self, desired: Desired[Plan], *, revises: bool = True) -> None:
        """Without ``revises`` no other revision begins with it, since leases are missing that connections may stand on;
        it is due then."""
        if self._revoker is None:
            await self._in_worker(self._kernel.switch, desired.plan, False)
        else:
            begins = await self._in_worker(self._revoker.weigh, self.enforced, desired) and revises
            await self._put_in_force(self._revoker, desired, begins)
        if self.enforced is None:
            log.info("in sync with revision %d of the store", desired.revision)
        before, self.enforced = self.enforced, desired
        self.enforced_at = time.time()
        self._unswept = True
        if before is None or before.compiled is not desired.compiled:
            self._switched()
        self._progressed()

    async def _revise(self, revoker: Revoker, is_due: Callable[[Desired[Plan]], bool], enforced: Desired[Plan]) -> None:
        """Begin another revision of the policy in force, if it is due."""
        if await self._in_worker(is_due, enforced):
            await self._put_in_force(revoker, enforced, True)

    async def _put_in_force(self, revoker: Revoker, desired: Desired[Plan], revise: bool) -> None:
        await self._in_worker(self._kernel.switch, desired.plan, revise)
        await self._in_worker(revoker.switched, desired, revise)

    async def _sweep(self, plan: Plan) -> None:
        all_know = self._telling.all_know
        await self._in_worker(self._kernel.sweep, plan, all_know)
        self._unswept = not all_know

    async def _in_worker(self, call: Callable[..., Result], *arguments: object) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._worker, call, *arguments)
