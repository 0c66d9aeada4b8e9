"""The kernel's side of a plan: adopt what stands, apply the difference, sweep, count."""

import errno
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from operator import add
from time import perf_counter
from typing import NamedTuple

from dnsguard.dataplane import delta, naming
from dnsguard.dataplane.actual import Actual
from dnsguard.dataplane.counted import Counted
from dnsguard.dataplane.guard import Guard
from dnsguard.dataplane.judged import judged_addresses
from dnsguard.dataplane.reading import TableReader
from dnsguard.dataplane.revision import Revision
from dnsguard.dataplane.rules import Plan
from dnsguard.dataplane.sentinel import Sentinel
from dnsguard.dataplane.sets import AliveSet
from dnsguard.netlink import nftables
from dnsguard.netlink.nftables import Message
from dnsguard.netlink.socket import NetfilterSocket, NetlinkError

_ABOUT_SETS = {nftables.NEW_SET, nftables.NEW_ELEMENT, nftables.DELETE_ELEMENT, nftables.DELETE_SET}


class Work(NamedTuple):
    """What a step asked of the kernel."""

    messages: int = 0
    """Rules, chains, sets, counters: one each; the elements of a set: as many to a message as fit."""

    bytes: int = 0
    transactions: int = 0
    seconds: float = 0.0
    """Spent in the kernel."""


class Driver:
    """Owner of one table. Blocks; one thread at a time.

    All methods raise `NetlinkError` naming the object when the kernel refuses. What was in force then stays in force,
    and the next call reads the table anew before it changes anything.
    """

    def __init__(self, socket: NetfilterSocket, foundation: Plan, sentinel: Sentinel | None = None) -> None:
        """``foundation`` is the plan of no policy at all; it names the table and keeps unknown workloads closed.
        ``sentinel`` looks after what is in force, from a thread of its own."""
        self._socket = socket
        self._reader = TableReader(socket, foundation.table)
        self._table = foundation.table
        self._foundation = foundation
        self._actual: Actual | None = None
        self._in_force: Plan | None = None
        self._revision: Revision | None = None
        """The last one in force: whoever removes the table leaves the marks of connections."""

        self._guard = Guard(self._reader)
        self._sentinel = sentinel
        self._work = Work()
        self.prepared = self.switched = self.swept = Work()
        """What the last `prepare`, `switch` and `sweep` cost."""

        self.worked = {"prepare": Work(), "switch": Work(), "sweep": Work()}
        """What all of them cost, those that were refused half-way left out."""

    def open(self) -> None:
        """Adopt the table that an earlier run left, with its rules and leases. Where there is none, or one that is
        open, make one that is closed to unknown workloads, in one transaction."""
        plan = self._foundation
        bases = [chain.name for chain in plan.chains if chain.hook is not None]
        with self._alone():
            rules = {chain.name: chain.references for chain in self._reader.chains() if chain.is_base}
            is_open = not all(rules.get(name) for name in bases)
            if is_open:
                is_new = not self._reader.exists()
                self._commit(list(delta.founded(plan, self._revision)), plan)
                self._in_force = plan
                if self._sentinel is not None:
                    self._sentinel.expect(plan, self._revision)
                if is_new:
                    self._actual = Actual(revision=self._revision)
                    self._actual.note_prepared(plan)
                    self._actual.note_switched(plan, self._actual.revision_or_first(plan))
                    return
        actual = self._read()
        if self._sentinel is not None and self._in_force is None:
            with self._alone():
                self._sentinel.expect_adopted(rules, actual.revision)

    def judged_addresses(self) -> frozenset[str]:
        """The addresses of workloads that have rules in the table, those that an earlier run left included."""
        return judged_addresses(self._known())

    def apply(self, plan: Plan) -> None:
        """`prepare`, `switch` and `sweep`, lease sets kept."""
        self.prepare(plan)
        self.switch(plan)
        self.sweep(plan)

    def prepare(self, plan: Plan) -> None:
        """Create what the plan's rules refer to, lease sets first. No packet notices."""
        if not self._known().exists:
            self.open()
        actual = self._known()
        self._work = Work()
        for chunk in self._chunks(delta.prepare(plan, actual), actual):
            self._commit(chunk, plan)
        actual.note_prepared(plan)
        self.prepared = self._done("prepare")

    def switch(self, plan: Plan, revise: bool = False) -> None:
        """Put the plan in force in one transaction. What it needs must be prepared.

        ``revise`` begins another revision of policy with it, where the plan's rules write them into connections: from
        then on those that were allowed in an earlier one are judged again.
        """
        actual = self._known()
        self._work = Work()
        revision = self._revision_of(plan, revise)
        messages = list(delta.switch(plan, actual, revision))
        with self._alone():
            self._commit(messages, plan)
            if self._sentinel is not None:
                self._sentinel.expect(plan, revision)
        self._in_force = plan
        self._revision = revision
        actual.note_switched(plan, revision)
        self.switched = self._done("switch")

    def revision(self) -> Revision | None:
        """What the rules write into connections that policy allows, or wrote last; None where they never did."""
        return self._known().revision or self._revision

    def sweep(self, plan: Plan, lease_sets: bool = False) -> None:
        """Delete what the plan does not use; lease sets only when nobody writes to them any more."""
        actual = self._known()
        self._work = Work()
        for chunk in self._chunks(delta.sweep(plan, actual, lease_sets=lease_sets), actual):
            self._commit(chunk, plan)
        self.swept = self._done("sweep")
        actual.note_swept(plan, lease_sets=lease_sets)

    def _done(self, step: str) -> Work:
        self.worked[step] = Work(*map(add, self.worked[step], self._work))
        return self._work

    def lost(self) -> bool:
        """Whether somebody else removed the table, or rules or chains of it, since we changed or adopted it.

        What the kernel counts is compared at each look, what it does not count in parts, over
        `guard.LOOKS_PER_ROUND` looks; lease sets are left out. After True the next change reads the table anew and
        restores what is missing.
        """
        plan, actual = self._in_force, self._actual
        if plan is None:
            damaged = self._guard.is_adopted_damaged(self._foundation)
        else:
            swept = actual is not None and actual.swept is plan.chains
            damaged = self._guard.is_damaged(plan, swept=swept)
        if damaged:
            self._actual = None
        return damaged

    def fails_open(self) -> bool:
        """Whether everything passes now, because nobody was alive to judge for as long as the dead-man switch waits."""
        plan = self._in_force or self._foundation
        if not any(isinstance(item, AliveSet) for item in plan.sets):
            return False
        try:
            return not self._reader.elements(naming.ALIVE_SET)
        except NetlinkError as error:
            if error.errno == errno.ENOENT:
                return False
            raise

    def counters(self) -> dict[str, Counted]:
        """All named counters; empty when there is no table."""
        return {item.name: Counted(item.packets, item.bytes) for item in self._reader.counters()}

    def uninstall(self) -> None:
        """Remove the table with everything in it; nothing is enforced any more. No error when there is none."""
        self._actual = None
        self._in_force = None
        with self._alone():
            if self._sentinel is not None:
                self._sentinel.expect_nothing()
            try:
                self._socket.transact([nftables.delete_table(self._table)])
            except NetlinkError as error:
                if error.errno != errno.ENOENT:
                    raise

    def _alone(self) -> AbstractContextManager[object]:
        """Where base chains change, the sentinel does not look before it knows."""
        return nullcontext() if self._sentinel is None else self._sentinel.aside()

    def _revision_of(self, plan: Plan, revise: bool) -> Revision | None:
        if not plan.mark_mask:
            return None
        known = self.revision()
        if known is None or known.mask != plan.mark_mask:
            return Revision(plan.mark_mask)
        return known.following if revise else known

    def _chunks(self, messages: Iterable[Message], actual: Actual) -> Iterator[list[Message]]:
        return delta.chunks(messages, len(actual.chains), self._socket.batch_bytes)

    def _commit(self, messages: list[Message], plan: Plan) -> None:
        if not messages:
            return
        generation = self._guard.before_writing()
        began = perf_counter()
        try:
            self._socket.transact(messages)
        except NetlinkError as error:
            self._actual = None
            raise _explained(error, messages, plan) from None
        except Exception:
            self._actual = None
            raise
        took = perf_counter() - began
        self._guard.written(generation)
        size = sum(len(message.body) for message in messages)
        done = self._work
        self._work = Work(done.messages + len(messages), done.bytes + size, done.transactions + 1, done.seconds + took)

    def _known(self) -> Actual:
        return self._actual if self._actual is not None else self._read()

    def _read(self) -> Actual:
        self._actual = self._reader.actual()
        return self._actual


def _explained(error: NetlinkError, messages: list[Message], plan: Plan) -> NetlinkError:
    """The same, with a rule that asks the set that was refused: people know policies, not the names of sets."""
    if error.index is None or messages[error.index].kind not in _ABOUT_SETS:
        return error
    name = messages[error.index].subject
    for chain in plan.chains:
        for rule in chain.rules:
            if rule.comment and any(getattr(part, "set_name", None) == name for part in rule.parts):
                return NetlinkError(error.errno, error.index, f"{error.subject}, for {rule.comment}", error.detail)
    return error
