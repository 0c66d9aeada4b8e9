"""A running controller without its API: objects as the store tells of them, its enforcement, a table in the kernel."""

import asyncio
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from time import perf_counter, thread_time
from typing import NamedTuple, Self

from dnsguard.calc.compiled import Compiled
from dnsguard.controller.collecting import collect_when_quiet
from dnsguard.controller.computing import Computing
from dnsguard.controller.desired import Desired
from dnsguard.controller.enforcement import Enforcer, Pace
from dnsguard.controller.inputs import Inputs, key_of
from dnsguard.controller.node import plan_settings
from dnsguard.dataplane.driver import Driver
from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.rules import Plan
from dnsguard.link.server import LinkServer
from dnsguard.settings import Settings
from dnsguard.store.interface import Change, ChangeType
from loadtest.cluster import NODE, Manifest
from loadtest.network import table_socket

LISTEN = frozenset({"192.0.2.53#53", "2001:db8::53#53"})
"""Where a forwarder would answer: whether policy lets an endpoint ask there is part of the work."""

LONGEST = 300.0
"""Seconds for one change."""

ALONE = Pace(coalesce=0.0, guard=3600.0)
"""One change after the other: no rest between them, and no look at the table that happens to fall into one."""


class NotMeasured(Exception):
    """A change was not enforced; the text says why."""


class Step(NamedTuple):
    """Objects as they are after a change, and objects that are gone after it."""

    put: Sequence[Manifest]
    gone: Sequence[Manifest] = ()


class Installation:
    """Use it as a context, from one event loop."""

    def __init__(self, pace: Pace = ALONE) -> None:
        directory = Path("unused")
        self.settings = Settings(state_dir=directory, run_dir=directory, node_name=NODE)
        self.foundation = build_plan(Compiled(), replace(plan_settings(self.settings), canary=None))
        self.inputs = Inputs()
        self.socket = table_socket()
        self._worker = ThreadPoolExecutor(1, "kernel")
        self._kernel = _Kernel(Driver(self.socket, self.foundation))
        link = _Link(directory, lambda: None)
        self.enforcer: Enforcer[Plan] = Enforcer(
            self.inputs, Computing(self.settings), self._kernel, link, self._worker, pace
        )

    async def __aenter__(self) -> Self:
        self._kernel.loop = asyncio.get_running_loop()
        self._tasks = [
            asyncio.create_task(self.enforcer.run()),
            asyncio.create_task(collect_when_quiet(lambda: self.enforcer.in_sync)),
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._worker.shutdown()
        self.socket.close()

    async def start(self, objects: Iterable[Manifest]) -> float:
        """The store's first list: seconds until it is enforced."""
        began = perf_counter()
        self.inputs.replace(objects, self.inputs.revision + 1)
        if self.inputs.invalid:
            raise NotMeasured(f"{len(self.inputs.invalid)} objects are invalid; {self.inputs.invalid[0]}")
        return await self._enforced() - began

    async def change(self, step: Step) -> float:
        """One change, which may be of several objects: seconds until it is enforced. Returns when all is swept."""
        began = perf_counter()
        self._take(step)
        return await self._enforced() - began

    def tell(self, step: Step) -> int:
        """The store tells of a change; the revision that it is. Returns at once."""
        self._take(step)
        self.enforcer.changed()
        return self.inputs.revision

    def enforced(self) -> tuple[int, float]:
        """The revision that the kernel holds, and since when on the clock of `perf_counter`."""
        held = self.enforcer.enforced
        return (0 if held is None else held.revision), self._kernel.switched_at

    async def from_scratch(self) -> tuple[Desired[Plan], float]:
        """What a new controller computes of the present objects, and in how many seconds of a processor."""

        def computed() -> tuple[Desired[Plan], float]:
            computing = Computing(self.settings)
            began = thread_time()
            desired = computing(self.inputs.resources, LISTEN, self.inputs.revision)
            return desired, thread_time() - began

        return await asyncio.to_thread(computed)

    async def guard(self) -> float:
        """One look whether the table is still what we made it, in seconds."""
        began = perf_counter()
        if await asyncio.get_running_loop().run_in_executor(self._worker, self._kernel.lost):
            raise NotMeasured("the guard says that somebody else changed the table")
        return perf_counter() - began

    def _take(self, step: Step) -> None:
        for kind, objects in (ChangeType.MODIFIED, step.put), (ChangeType.DELETED, step.gone):
            for each in objects:
                self.inputs.take(Change(kind, key_of(each), each, self.inputs.revision + 1))

    async def _enforced(self) -> float:
        self._kernel.swept.clear()
        self.enforcer.changed()
        give_up = perf_counter() + LONGEST
        while not self._kernel.swept.is_set():
            try:
                async with asyncio.timeout(1.0):
                    await self._kernel.swept.wait()
            except TimeoutError:
                if self.enforcer.problem or perf_counter() > give_up:
                    raise NotMeasured(self.enforcer.problem or f"not enforced after {LONGEST:.0f} s") from None
        return self._kernel.switched_at


class _Link(LinkServer):
    """The product's, as if one forwarder had been here."""

    @property
    def listen(self) -> frozenset[str]:
        return LISTEN


class _Kernel:
    """The product's driver, which also tells when something is in force and when all is swept."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self.loop: asyncio.AbstractEventLoop | None = None
        self.swept = asyncio.Event()
        self.switched_at = 0.0
        self.open = driver.open
        self.prepare = driver.prepare
        self.judged_addresses = driver.judged_addresses
        self.lost = driver.lost

    def switch(self, plan: Plan, revise: bool) -> None:
        self._driver.switch(plan, revise)
        self.switched_at = perf_counter()

    def sweep(self, plan: Plan, lease_sets: bool) -> None:
        self._driver.sweep(plan, lease_sets)
        if self.loop is not None:
            self.loop.call_soon_threadsafe(self.swept.set)
