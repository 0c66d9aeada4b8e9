"""The kernel's counters with their owners, read once for all who ask at about the same time."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from typing import Final, Protocol, TypeVar

from dnsguard.api.services import ReadModelUnavailable
from dnsguard.calc.compiled import Compiled, Direction, RuleOwner
from dnsguard.controller.counting.catalogue import Catalogue, counted_policy
from dnsguard.controller.counting.ledger import Ledger
from dnsguard.controller.counting.page import Page
from dnsguard.controller.enforcement import Enforcer
from dnsguard.dataplane import naming
from dnsguard.dataplane.counted import Counted
from dnsguard.dataplane.rules import Plan
from dnsguard.errors import DnsguardError

log = logging.getLogger(__name__)

Result = TypeVar("Result")

FRESH_SECONDS: Final = 1.0
"""A reading this old is still given. 30 000 counters take 0.12 s, in which other threads get their turns: no swarm of
scrapers and people makes that a load."""


class CounterKernel(Protocol):
    """See `dataplane.counters.CounterTable`, which is one."""

    def counters(self) -> Mapping[str, Counted]: ...

    def reset(self, names: Iterable[str]) -> Mapping[str, Counted]: ...


class CounterBook:
    """Blocks; for one thread, which nobody else waits for: neither the event loop nor enforcement."""

    def __init__(
        self,
        kernel: CounterKernel,
        fresh_seconds: float = FRESH_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kernel = kernel
        self._fresh_seconds = fresh_seconds
        self._clock = clock
        self._catalogue = Catalogue()
        self._ledger = Ledger()
        self._compiled = Compiled()
        self._page: tuple[float, Compiled, Page] | None = None

    def open(self) -> None:
        """What an earlier run left was counted before our time. Raises DnsguardError."""
        self._ledger.open(self._kernel.counters())

    def look(self, compiled: Compiled, counters: Iterable[str]) -> Page:
        """What the ``counters`` of a plan say now, or said a moment ago. Raises DnsguardError."""
        if self._page is not None:
            at, of, page = self._page
            if of is compiled and self._clock() - at < self._fresh_seconds:
                return page
        self.follow(compiled)
        owners = self._catalogue.counted(compiled, counters)
        now, began = time.time(), time.perf_counter()
        counts = self._kernel.counters()
        took = time.perf_counter() - began
        self._ledger.take(owners.policies, counts)
        page = Page(owners, counts, self._ledger.policies, self._ledger.tiers, now, took)
        self._page = self._clock(), compiled, page
        return page

    def follow(self, compiled: Compiled) -> None:
        """This policy is in force now: rules that are others than before begin anew, though their counters, which are
        called by their places, are the same. Raises DnsguardError."""
        before, self._compiled = self._compiled, compiled
        edited = list(_edited(before, compiled))
        if not edited:
            return
        counts = self._kernel.reset(counter for _, counters in edited for counter in counters)
        for policy, _ in edited:
            self._ledger.end(counted_policy(policy), counts)


class Counting:
    """The book and its thread, for the event loop."""

    def __init__(self, enforcer: Enforcer[Plan], book: CounterBook, worker: Executor) -> None:
        """``worker`` has one thread, and is for nothing else."""
        self._enforcer = enforcer
        self._book = book
        self._worker = worker

    async def open(self) -> None:
        """To be awaited before anything is enforced."""
        try:
            await self._in_worker(self._book.open)
        except DnsguardError as error:
            log.warning("what an earlier run counted counts as ours: %s", error)

    async def page(self) -> Page:
        """What the counters say. Raises ReadModelUnavailable."""
        enforced = self._enforcer.enforced
        if enforced is None:
            raise ReadModelUnavailable("the first computation of policy still runs")
        try:
            return await self._in_worker(self._book.look, enforced.compiled, _counters(enforced.plan))
        except DnsguardError as error:
            raise ReadModelUnavailable(f"the kernel does not tell its counters: {error}") from None

    def switched(self) -> None:
        """Other policy is in force. Returns at once."""
        if self._enforcer.enforced is not None:
            self._worker.submit(self._follow, self._enforcer.enforced.compiled)

    def _follow(self, compiled: Compiled) -> None:
        try:
            self._book.follow(compiled)
        except DnsguardError as error:
            log.warning("counters of rules that were edited go on from what the rules before them counted: %s", error)

    async def _in_worker(self, call: Callable[..., Result], *arguments: object) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._worker, call, *arguments)


def _counters(plan: Plan) -> Iterable[str]:
    """Of both tables."""
    return plan.counters if plan.beside is None else dict.fromkeys((*plan.counters, *plan.beside.counters))


def _edited(before: Compiled, now: Compiled) -> Iterator[tuple[RuleOwner, list[str]]]:
    """Policies and profiles as they were, each with the counters of rules in whose place another stands."""
    for identity, policy in before.policies.items():
        yield from _replaced(policy, now.policies.get(identity))
    for name, profile in before.profiles.items():
        yield from _replaced(profile, now.profiles.get(name))


def _replaced(old: RuleOwner, new: RuleOwner | None) -> Iterator[tuple[RuleOwner, list[str]]]:
    if new is None or new is old:
        return
    replaced = [
        naming.counter_of_rule(old, direction, one.index)
        for direction in Direction
        for one, other in zip(old.rules(direction), new.rules(direction), strict=False)
        if one != other
    ]
    if replaced:
        yield old, replaced
