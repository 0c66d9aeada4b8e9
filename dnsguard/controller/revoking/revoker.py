"""When another revision of policy begins: with what takes something away, and not more often than once a second."""

import logging
import time
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from dnsguard.calc.compiled import Address, Compiled
from dnsguard.calc.withdrawal import Withdrawals
from dnsguard.controller.node import evaluated_node
from dnsguard.controller.revoking.sweeper import Policy
from dnsguard.dataplane.revision import Revision
from dnsguard.dataplane.settings import Settings as PlanSettings
from dnsguard.errors import DnsguardError

log = logging.getLogger(__name__)

APART: Final = 1.0
"""Seconds between two revisions: all that a change after the first takes away within them goes with the next. Each has
every connection judged once more, 2 µs of the kernel's time."""


class State(Protocol):
    """What is, or is to be, enforced; see `Desired`."""

    @property
    def compiled(self) -> Compiled: ...

    @property
    def surroundings(self) -> PlanSettings: ...


class Kernel(Protocol):
    """See `Driver`."""

    def revision(self) -> Revision | None: ...


class Judging(Protocol):
    """See `Sweeper`."""

    def free(self, revision: Revision) -> None: ...

    def reset(self, mask: int) -> None: ...

    def begin(self, policy: Policy) -> None: ...

    def forget(self, addresses: Iterable[Address]) -> None: ...

    def forgets(self, addresses: Iterable[Address]) -> bool: ...


class Revoker:
    """Belongs to whoever switches the kernel's rules. All methods block, and are for the thread that owns the table.
    They raise DnsguardError where that cannot be read."""

    def __init__(
        self, kernel: Kernel, judging: Judging, apart: float = APART, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._kernel = kernel
        self._judging = judging
        self._apart = apart
        self._clock = clock
        self._withdrawals = Withdrawals()
        self.begun = 0
        """How many revisions did."""

        self._next = float("-inf")
        """When another revision may begin."""

        self._owed = False
        """Something was taken away since the last one began."""

        self._leaving: frozenset[Address] = frozenset()
        """Whose endpoints will be gone when what was weighed is in force."""

        self.waits_for_leases = False
        """Something will be, by forwarders that take leases away."""

        self.problem = ""
        """Why connections go on that policy denies by now; empty when all is well."""

    @property
    def seconds_left(self) -> float | None:
        """Until another revision is due; None where none is."""
        return max(0.0, self._next - self._clock()) if self._owed else None

    def weigh(self, before: State | None, wanted: State) -> bool:
        """Whether to begin another revision with the switch from one state to the other."""
        if not wanted.surroundings.mark_mask:
            return False
        if before is None or before.surroundings != wanted.surroundings:
            # What an earlier run allowed, and what was taken away while nobody watched, is not known.
            self._owed = True
        if before is not None and before.compiled is not wanted.compiled:
            node = evaluated_node(wanted.surroundings)
            withdrawal = self._withdrawals.between(before.compiled, wanted.compiled, node)
            new = wanted.compiled.endpoints.keys() - before.compiled.endpoints.keys()
            addresses = [each for name in new for each in wanted.compiled.endpoints[name].addresses]
            self._owed = self._owed or withdrawal.of_policy or self._judging.forgets(addresses)
            self.waits_for_leases = self.waits_for_leases or withdrawal.of_leases
            self._leaving = withdrawal.gone
        return self._may_begin(wanted)

    def leases_went(self, enforced: State) -> bool:
        """Forwarders have taken leases away, or nobody waits for them any longer: whether to begin another revision."""
        self._owed = self._owed or self.waits_for_leases
        self.waits_for_leases = False
        return self._may_begin(enforced)

    def is_due(self, enforced: State) -> bool:
        """Whether to begin one that had to wait."""
        return self._may_begin(enforced)

    def switched(self, enforced: State, begun: bool) -> None:
        """These rules are in force, and with them another revision, or not."""
        revision = self._kernel.revision()
        if not enforced.surroundings.mark_mask or revision is None:
            return
        self._judging.forget(self._leaving)
        self._leaving = frozenset()
        if begun:
            self.begun += 1
            self._owed = False
            self._next = self._clock() + self._apart
        self._judging.begin(Policy(revision, self.begun, enforced.compiled, enforced.surroundings))

    def _may_begin(self, state: State) -> bool:
        if not self._owed or self._clock() < self._next:
            return False
        mask, known = state.surroundings.mark_mask, self._kernel.revision()
        try:
            if known is None or known.mask != mask:
                self._judging.reset(mask)
            else:
                self._judging.free(known.following)
        except (DnsguardError, OSError) as error:
            # Without that, connections might pass for ones that were judged. The rules are switched all the same.
            self._note(f"connections that policy allows no more go on: {error}")
            self._next = self._clock() + self._apart
            return False
        self._note("")
        return True

    def _note(self, problem: str) -> None:
        if problem and problem != self.problem:
            log.error("%s", problem)
        self.problem = problem
