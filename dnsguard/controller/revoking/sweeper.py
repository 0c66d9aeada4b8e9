"""The thread that judges connections of earlier revisions of policy, with sockets of its own, in nobody's way."""

import contextlib
import logging
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from threading import Condition, Thread
from typing import Final

from dnsguard.calc.compiled import Address, Compiled
from dnsguard.controller.explain.routing import Routing, kernel_routing
from dnsguard.controller.node import InterfaceAddresses, addresses_by_interface, evaluated_node
from dnsguard.controller.revoking.judging import FlowJudge, Ruling
from dnsguard.controller.revoking.kernelleases import KernelLeases
from dnsguard.dataplane.revision import Revision
from dnsguard.dataplane.settings import Settings as PlanSettings
from dnsguard.errors import DnsguardError
from dnsguard.netlink.connections import Connection
from dnsguard.netlink.flowmarks import AT_ONCE, FlowMarks
from dnsguard.netlink.socket import NetfilterSocket

log = logging.getLogger(__name__)

FEW: Final = 6
"""Revisions that the kernel is asked for one by one; of more the whole table is read."""

PAUSE: Final = 1.0
"""Seconds before a sweep that failed is tried again."""

SHARE: Final = 4.0
"""To forget those of endpoints that are gone the whole table is read; so many times as long is the pause after it."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What connections are judged by."""

    revision: Revision
    epoch: int
    """Counts revisions; their numbers come again."""

    compiled: Compiled
    surroundings: PlanSettings


class _Superseded(Exception):
    """What is in force is of no use to what is under way."""


class Sweeper:
    """``begin`` and ``forget`` never wait; ``free`` blocks for a moment, and is for the thread that owns the table."""

    def __init__(
        self,
        machine: Callable[[], InterfaceAddresses] = addresses_by_interface,
        routing: Routing = kernel_routing,
    ) -> None:
        """Raises OSError."""
        self._machine = machine
        self._routing = routing
        self._flows, self._table = FlowMarks(), NetfilterSocket()
        self._clearing = FlowMarks()
        self._changed = Condition()
        self._policy: Policy | None = None
        self._swept = -1
        """The epoch that no connection is of an earlier one than."""

        self._carried: set[int] | None = None
        """Values that connections may carry besides "not judged" and "denied"; None: any."""

        self._begun: set[int] = set()
        """The values of revisions since the sweep that is under way began."""

        self._gone: set[Address] = set()
        self._stopped = False
        self._denied: set[bytes] = set()
        """As the last sweep saw them."""

        self.cut = 0
        """Connections that were denied because of other policy, as far as sweeps have seen."""

        self.judged = 0
        self.problem = ""
        """Why connections of earlier revisions may go on; empty when all is well."""

        self._thread = Thread(target=self._run, name="sweeper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Blocks until the thread has ended, which is soon."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join()
        for each in self._flows, self._clearing, self._table:
            each.close()

    def free(self, revision: Revision) -> None:
        """See to it that no connection carries this revision, as one of an earlier round may. Raises DnsguardError and
        OSError."""
        with self._changed:
            if self._carried is not None and revision.value not in self._carried:
                return
        found = self._clearing.marked(revision.mask, revision.value)
        self._clearing.mark([(each, 0) for each in found], revision.mask)

    def reset(self, mask: int) -> None:
        """Take all connections for not judged: whatever stands in these bits is not ours. Raises as ``free``."""
        found = self._clearing.others(mask, frozenset({0}))
        self._clearing.mark([(each, 0) for each in found], mask)
        with self._changed:
            self._carried = set()

    def begin(self, policy: Policy) -> None:
        """This is in force: judge connections of other revisions."""
        with self._changed:
            if self._carried is not None:
                self._carried.add(policy.revision.value)
            if self._policy is None or self._policy.epoch != policy.epoch:
                self._begun.add(policy.revision.value)
            self._policy = policy
            self._changed.notify()

    def forget(self, addresses: Iterable[Address]) -> None:
        """Connections of endpoints that are gone must not pass for those of others with their addresses."""
        with self._changed:
            self._gone.update(addresses)
            self._changed.notify()

    def forgets(self, addresses: Iterable[Address]) -> bool:
        """Whether connections of one of these are still to be forgotten."""
        with self._changed:
            return not self._gone.isdisjoint(addresses)

    @property
    def is_done(self) -> bool:
        """Nothing is left to judge or to forget."""
        with self._changed:
            policy = self._policy
            return policy is None or (self._swept == policy.epoch and not self._gone)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._has_work)
                if self._stopped:
                    return
                policy, gone = self._policy, frozenset(self._gone)
                self._begun = set()
            assert policy is not None  # noqa: S101 - or there would be no work
            started = time.monotonic()
            try:
                if self._swept != policy.epoch:
                    self._sweep(policy)
                if gone:
                    self._forget(policy, gone)
            except _Superseded:
                continue
            except (DnsguardError, OSError) as error:
                self._note(f"connections that policy denies by now may go on while only one side speaks: {error}")
                self._rest(PAUSE)
            except Exception as error:
                # A mistake of ours must not be the last thing that this thread does.
                log.exception("judging connections failed")
                self._note(f"internal error while judging connections: {error!r}")
                self._rest(PAUSE)
            else:
                self._note("")
                if gone:
                    self._rest(SHARE * (time.monotonic() - started))

    def _has_work(self) -> bool:
        policy = self._policy
        return self._stopped or (policy is not None and (self._swept != policy.epoch or bool(self._gone)))

    def _rest(self, seconds: float) -> None:
        """Until there is other policy, or for so long."""
        with self._changed:
            policy = self._policy
            self._changed.wait_for(lambda: self._stopped or self._policy is not policy, seconds)

    def _sweep(self, policy: Policy) -> None:
        """Judge every connection that is of another revision. Where still another one begins meanwhile, go on with
        that: from the beginning again, what is late in the table would not be judged as long as policy changes."""
        mask = policy.revision.mask
        with self._changed:
            carried = None if self._carried is None else set(self._carried)
        judge, judged_by = self._judge(policy), policy
        denied: set[bytes] = set()
        cut = judged = 0
        with contextlib.closing(self._stale(policy.revision, carried)) as stale:
            for listed in _batches(stale):
                rulings = judge.judge(listed)
                some, current = listed, self._current(mask)
                if current.epoch != judged_by.epoch or (current is not judged_by and Ruling.DENIED in rulings):
                    # What was denied may be allowed now. What was allowed is so still where the revision is the same.
                    judge, judged_by = self._judge(current), current
                    some = [each for each in listed if each.mark & mask != current.revision.value]
                    rulings = judge.judge(some)
                self._flows.mark(_marks(some, rulings, mask), mask)
                judged += len(some)
                for each, ruling in zip(some, rulings, strict=True):
                    if ruling is Ruling.DENIED:
                        cut += each.name not in self._denied
                        denied.add(each.name)
        with self._changed:
            self._swept = policy.epoch
            self._denied = denied
            self._carried = {policy.revision.value} | self._begun
        self.cut += cut
        self.judged += judged
        if cut:
            log.info("%s: %d connections are cut that policy allows no more", policy.revision, cut)

    def _judge(self, policy: Policy) -> FlowJudge:
        surroundings = replace(policy.surroundings, interface_addresses=self._machine())
        leases = KernelLeases(self._table, surroundings.table)
        return FlowJudge(policy.compiled, evaluated_node(surroundings), leases.leased, self._routing)

    def _stale(self, revision: Revision, carried: set[int] | None) -> Generator[Connection, None, None]:
        mask = revision.mask
        if carried is None or len(carried) > FEW:
            yield from self._flows.others(mask, frozenset({revision.value}))
            return
        for value in dict.fromkeys((*sorted(carried - {revision.value}), 0, mask)):
            yield from self._flows.marked(mask, value)

    def _forget(self, policy: Policy, gone: frozenset[Address]) -> None:
        """Deny connections of these addresses until whoever opened them is judged anew."""
        mask, value = policy.revision.mask, policy.revision.value
        packed = frozenset(address.packed for address in gone)
        with contextlib.closing(self._flows.marked(mask, value)) as found:
            for some in _batches(found):
                if self._current(mask).epoch != policy.epoch:
                    raise _Superseded
                mine = [(each, mask) for each in some if not packed.isdisjoint(each.opening[:2])]
                self._flows.mark(mine, mask)
        with self._changed:
            self._gone -= gone

    def _current(self, mask: int) -> Policy:
        """What is in force, as long as its revisions stand in the same bits."""
        current = self._policy
        if self._stopped or current is None or current.revision.mask != mask:
            raise _Superseded
        return current

    def _note(self, problem: str) -> None:
        if problem and problem != self.problem:
            log.error("%s", problem)
        elif self.problem and not problem:
            log.info("connections are judged again")
        self.problem = problem


def _batches(found: Iterator[Connection]) -> Iterator[list[Connection]]:
    while some := list(islice(found, AT_ONCE)):
        yield some


def _marks(some: Iterable[Connection], rulings: Iterable[Ruling], mask: int) -> Iterator[tuple[Connection, int]]:
    """Those whose mark is to be another. That a connection is of the revision in force is for the kernel alone to note:
    it sees the packets. What is denied and cannot be judged for certain stays so."""
    for each, ruling in zip(some, rulings, strict=True):
        before = each.mark & mask
        after = mask if ruling is Ruling.DENIED or (ruling is Ruling.UNCERTAIN and before == mask) else 0
        if before != after:
            yield each, after
