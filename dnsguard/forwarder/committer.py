"""Writes elements, and says so only when the kernel has acknowledged them.

Changes that come in during one turn of the event loop share a transaction. When it is refused each is tried alone, so
one bad element fails nobody else. What was owed and is refused stays owed in the book, and is tried again now and then:
nobody may ask for it a second time.
"""

import asyncio
import errno
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from time import perf_counter
from typing import NamedTuple, Protocol

from dnsguard.errors import DnsguardError
from dnsguard.forwarder.counters import ForwarderCounters
from dnsguard.leases import Changes, LeaseBook, LimitReached
from dnsguard.leases.changes import Element, Place
from dnsguard.leases.terms import KERNEL_FULL
from dnsguard.netlink import nftables
from dnsguard.netlink.nftables import Message
from dnsguard.netlink.socket import NetlinkError
from dnsguard.observe.histogram import Histogram

REFUSED = 1_000
"""Changes kept to be tried again; of more, those whose names are asked for again are written then."""

TRIES = 100
"""Of them at a time: under a millisecond."""

FAILURES = 3
"""In a row after which the rest waits for the next time: each may cost the deadline, and everybody waits."""

PART = 500
"""Elements of a transaction that nobody waits for: about half a millisecond in which no answer is released."""


class Transactions(Protocol):
    """What is needed of a netlink socket."""

    def transact(self, messages: Sequence[Message], deadline_s: float = 5.0) -> None: ...


Done = Callable[[str], None]
"""Called with "" when the kernel has it all, otherwise with what went wrong."""


class _Waiting(NamedTuple):
    changes: Changes
    done: Done


class Committer:
    """Belongs to one event loop, whose thread alone calls it."""

    def __init__(
        self,
        book: LeaseBook,
        kernel: Transactions,
        counters: ForwarderCounters,
        *,
        deadline: float,
        renews: bool = True,
    ) -> None:
        """``renews``: whether this kernel lets an element that exists live longer when it is added again."""
        self.table = ""
        self.problem = ""
        """Why the last transaction failed; empty after one that succeeded, and where nothing of it is owed any more."""

        self._book = book
        self._kernel = kernel
        self._counters = counters
        self.deadline = deadline
        """Seconds a transaction may take."""

        self.durations = Histogram()
        """What transactions took, those among them that failed."""

        self.unsure: Callable[[Sequence[Place]], Iterable[Element]] | None = None
        """Says what the kernel holds of these, where the book does not know it yet: what a process before us wrote for
        longer than we are about to is not shortened."""

        self._renews = renews
        self._loop = asyncio.get_running_loop()
        self._waiting: list[_Waiting] = []
        self._refused: deque[Changes] = deque(maxlen=REFUSED)
        self._is_full = False
        """Whether the last transaction was not tried, since the kernel's sets may not take so many."""

    def submit(self, changes: Changes, done: Done) -> None:
        """Write them with what else comes in now."""
        if not self._waiting:
            self._loop.call_soon(self._flush)
        self._waiting.append(_Waiting(changes, done))

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        problem = self._commit([each.changes for each in waiting])
        if not problem:
            for each in waiting:
                each.done("")
        elif len(waiting) == 1:
            self._refuse(waiting[0], problem)
        else:
            for each in waiting:
                problem = self._commit([each.changes])
                if problem:
                    self._refuse(each, problem)
                else:
                    each.done("")

    def _refuse(self, waiting: _Waiting, problem: str) -> None:
        if self._is_full:
            self._counters.leases_refused += 1
            self._counters.leases_refused_all_full += 1
        self._refused.append(waiting.changes)
        waiting.done(problem)

    def retry(self) -> None:
        """Try again what answers were refused for, as far as policy and time want it still; the oldest first."""
        failures = 0
        for _ in range(min(len(self._refused), TRIES)):
            changes = self._refused.popleft()
            if self._commit([changes]):
                self._refused.append(changes)
                failures += 1
                if failures == FAILURES:
                    return
        if not self._refused:
            self.problem = ""

    def write_aside(self, add: Iterable[Element], remove: Iterable[Place]) -> str:
        """Write elements that the book knows nothing of, in a transaction of their own; what went wrong, or empty."""
        try:
            self._kernel.transact([*self._removals(remove), *self._additions(add, self._loop.time())], self.deadline)
        except DnsguardError as error:
            return str(error)
        return ""

    async def write(self, changes: Changes) -> str:
        """Write changes that no answer waits for, in parts between which answers go out; what went wrong, or empty.

        What needs no set that is missing is written; removals from a set that is gone are done by that.
        """
        problem = ""
        for _, removals in groupby(sorted(changes.remove), attrgetter("kernel_set")):
            problem = await self._write_parts(Changes((), tuple(removals)), missing_is_done=True) or problem
        if not problem:
            problem = await self._write_parts(changes._replace(remove=()))
        return problem

    async def _write_parts(self, changes: Changes, *, missing_is_done: bool = False) -> str:
        for part in changes.parts(PART):
            problem = self._commit([part], missing_is_done=missing_is_done, owed=True)
            if problem:
                return problem
            await asyncio.sleep(0)
        return ""

    def _commit(self, batch: Iterable[Changes], *, missing_is_done: bool = False, owed: bool = False) -> str:
        """One transaction; what went wrong, or empty. ``owed``: by policy, for which the book has found room; of what
        answers wait for there was room for each when it was handed out, and may not be for all of them."""
        batch = list(batch)
        if self.unsure is not None:
            try:
                self._book.inherit(self._standing_longer(batch, self.unsure))
            except DnsguardError as error:
                return self._failed(error)
        now = self._loop.time()
        due = [self._book.due(changes, now) for changes in batch]
        add: dict[Place, Element] = {}
        for changes in due:
            for element in changes.add:
                known = add.get(element.place)
                if known is None or known.expires < element.expires:
                    add[element.place] = element
        remove = [place for changes in due for place in changes.remove if place not in add]
        self._is_full = not (owed or self._book.has_room(add))
        if self._is_full:
            return str(LimitReached(KERNEL_FULL, self._book.limits.elements))
        if add or remove:
            began = perf_counter()
            try:
                self._kernel.transact([*self._removals(remove), *self._additions(add.values(), now)], self.deadline)
            except DnsguardError as error:  # one clause: compiled, a name has the type that it has first
                if not (missing_is_done and isinstance(error, NetlinkError) and error.errno == errno.ENOENT):
                    return self._failed(error)
            finally:
                self.durations.observe(perf_counter() - began)
            self._counters.commits += 1
            self._counters.elements_added += len(add)
            self._counters.elements_removed += len(remove)
            self.problem = ""
        for changes in due:
            self._book.acknowledged(changes)
        return ""

    def _standing_longer(
        self, batch: Iterable[Changes], unsure: Callable[[Sequence[Place]], Iterable[Element]]
    ) -> list[Element]:
        held = self._book.held.of
        wanted = {
            element.place: element.expires
            for changes in batch
            for element in changes.add
            if element.place.address not in held(element.place.kernel_set, element.place.client)
        }
        return [each for each in unsure(list(wanted)) if each.expires > wanted[each.place]]

    def _failed(self, error: DnsguardError) -> str:
        self._counters.commits_failed += 1
        self.problem = str(error)
        return self.problem

    def _additions(self, elements: Iterable[Element], now: float) -> list[Message]:
        by_set: dict[str, list[nftables.Element]] = {}
        for element in elements:
            kernel_set, client, address = element.place
            by_set.setdefault(kernel_set, []).append(nftables.Element(client + address, element.timeout_ms(now)))
        messages: list[Message] = []
        for kernel_set, keys in by_set.items():
            messages += nftables.add_elements(self.table, kernel_set, keys)
            if not self._renews:
                messages += nftables.delete_elements(self.table, kernel_set, keys)
                messages += nftables.add_elements(self.table, kernel_set, keys)
        return messages

    def _removals(self, places: Iterable[Place]) -> list[Message]:
        by_set: dict[str, list[nftables.Element]] = {}
        for kernel_set, client, address in places:
            by_set.setdefault(kernel_set, []).append(nftables.Element(client + address, 1000))
        messages: list[Message] = []
        for kernel_set, keys in by_set.items():
            # Deleting what has expired meanwhile would be refused, so each is added first.
            messages += nftables.add_elements(self.table, kernel_set, keys)
            messages += nftables.delete_elements(self.table, kernel_set, keys)
        return messages
