"""A node where connections end when policy allows them no more: the product's own parts, one step at a time."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from dnsguard.calc.compiled import Compiled
from dnsguard.controller.revoking.revoker import Revoker
from dnsguard.controller.revoking.sweeper import Sweeper
from dnsguard.dataplane.planner import Planner
from dnsguard.dataplane.rules import Plan
from dnsguard.dataplane.settings import Settings
from tests.support.road import PATIENCE_SECONDS, Road


@dataclass(frozen=True, slots=True)
class InForce:
    """One state of policy."""

    compiled: Compiled
    surroundings: Settings
    plan: Plan


@dataclass(slots=True)
class Judging:
    """What the controller does to a road's table, without waiting between revisions."""

    road: Road
    sweeper: Sweeper
    revoker: Revoker = field(init=False)
    planner: Planner = field(default_factory=Planner)
    before: InForce | None = None

    def __post_init__(self) -> None:
        self.revoker = Revoker(self.road.driver, self.sweeper, apart=0.0)

    def enforce(self, compiled: Compiled, settings: Settings) -> bool:
        """Put it in force; whether another revision began with it."""
        wanted = InForce(compiled, settings, self.planner.plan(compiled, settings))
        driver = self.road.driver
        driver.prepare(wanted.plan)
        begins = self.revoker.weigh(self.before, wanted)
        driver.switch(wanted.plan, begins)
        self.before = wanted
        self.revoker.switched(wanted, begins)
        driver.sweep(wanted.plan, lease_sets=True)
        return begins

    def revise(self) -> None:
        """Another revision of the policy in force."""
        assert self.before is not None
        revision = self.road.driver.revision()
        assert revision is not None
        self.sweeper.free(revision.following)
        self.road.driver.switch(self.before.plan, True)
        self.revoker.switched(self.before, True)

    def settled(self) -> None:
        """No connection is left to be judged."""
        give_up = time.monotonic() + 4 * PATIENCE_SECONDS
        while not self.sweeper.is_done:
            assert time.monotonic() < give_up, self.sweeper.problem
            time.sleep(0.002)
        assert self.sweeper.problem == ""


@contextlib.contextmanager
def judging(road: Road, *, sweeps: bool = True) -> Iterator[Judging]:
    """``sweeps``: without, the kernel judges alone."""
    with road.node.entered():
        sweeper = Sweeper()
        if sweeps:
            sweeper.start()
    try:
        yield Judging(road, sweeper)
    finally:
        sweeper.close()
