"""Takes what the controller says and puts it in force: one message after the other, DNS answers in between."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from dnsguard.forwarder.committer import Committer
from dnsguard.forwarder.counters import ForwarderCounters
from dnsguard.forwarder.inheritance import Lists, left_behind, standing
from dnsguard.forwarder.judge import QueryJudge
from dnsguard.forwarder.policy import Policy, clients_of, feeds_of
from dnsguard.leases import Changes, Element, Feed, LeaseBook, LocalClient
from dnsguard.leases.changes import Place
from dnsguard.link.client import Acknowledge
from dnsguard.link.messages import Delta, DnsConfiguration, Snapshot

log = logging.getLogger(__name__)

_Piece = tuple[Sequence[Feed], Sequence[str], Sequence[LocalClient], Sequence[str]]
"""Of a delta: lease sets added and removed, clients added and removed."""

CLIENTS_AT_ONCE = 10
"""Endpoints whose policy changes between two looks at the sockets: what each has learned is gone through."""

RETRY_SECONDS = 0.5
"""After a write that the kernel refused; everything owed is tried again then."""


class Enforcing:
    """The one writer of policy on this side. ``run`` is its task; ``put`` never waits."""

    def __init__(
        self,
        book: LeaseBook,
        judge: QueryJudge,
        committer: Committer,
        counters: ForwarderCounters,
        kernel: Lists,
        lists: Lists,
        configure: Callable[[DnsConfiguration], Changes],
        changed: Callable[[], None],
    ) -> None:
        """``lists``: a socket of its own, for what takes long. ``configure`` puts configuration in force and returns
        what has to leave the kernel for it. ``changed`` is called whenever what may be answered is something else from
        now on."""
        self.problem = ""
        """What could not be put in force; tried again until it can."""

        self._book = book
        self._judge = judge
        self._committer = committer
        self._counters = counters
        self._loop = asyncio.get_running_loop()
        self._kernel = kernel
        self._lists = lists
        self._epoch = book.epoch
        """Of what the process before us left."""

        self._configure = configure
        self._changed = changed
        self._continues = False
        self._keeps = False
        """What was said last: rules of an earlier run are in force."""

        self._retry_at = 0.0
        self._healed: Callable[[], None] = lambda: None
        """Acknowledges the last revision once more, without what could not be written."""

        self._inbox: deque[tuple[Snapshot | Delta, Acknowledge]] = deque()
        self._wake = asyncio.Event()

    async def continue_from(self, snapshot: Snapshot) -> None:
        """Start with the policy that was in force when the process before us ended. Before ``run``, or not at all."""
        self._continues = True
        self._epoch = self._book.epoch
        await self._take(snapshot, lambda revision, problem: None)  # noqa: ARG005 - nobody waits for it

    async def catch_up(self) -> None:
        """Write what is due for what the book was given since ``continue_from``. Before ``run``."""
        for portion in list(self._book.portions()):
            changes = self._book.reconcile_part(portion, self._loop.time())
            if problem := await self._committer.write(changes):
                self._retry_at = self._loop.time() + RETRY_SECONDS
                self._note(problem)
                return  # all of it is tried again by run
            await asyncio.sleep(0)

    async def adopt(self) -> None:
        """Take note of what the process before us left and nothing that was learned accounts for. After ``catch_up``,
        before ``run``: without that policy, nobody could say any more what has lost its reason."""
        if self._committer.unsure is None:
            return
        void = self._epoch != self._book.epoch
        async for part in left_behind(self._lists, self._committer.table, self._lease_sets()):
            self._book.inherit(part, void=void)
        self._committer.unsure = None
        if problem := await self._write(self._book.owed_removals()):
            self._retry_at = self._loop.time() + RETRY_SECONDS
            self._note(problem)

    def _lease_sets(self) -> list[str]:
        feeds = self._book.roster.feeds.values()
        return [name for feed in feeds for name in (feed.kernel_set_v4, feed.kernel_set_v6)]

    def put(self, message: Snapshot | Delta, acknowledge: Acknowledge) -> None:
        """Have it put in force; ``acknowledge(revision, problem)`` is called then, or when it could not be wholly."""
        if isinstance(message, Snapshot):
            # Those before it are void: the controller counts from this one.
            self._inbox.clear()
        self._inbox.append((message, acknowledge))
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            if self.problem and self._loop.time() >= self._retry_at:
                await self._try_again()
            elif self._inbox:
                await self._take(*self._inbox.popleft())
            else:
                await self._pause()

    async def _pause(self) -> None:
        """Until there is a message, or it is time to try again."""
        self._wake.clear()
        try:
            async with asyncio.timeout_at(self._retry_at if self.problem else None):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _take(self, message: Snapshot | Delta, acknowledge: Acknowledge) -> None:
        faults: list[str] = []
        kept, self._keeps = self._keeps, message.keeps
        match message:
            case Snapshot():
                problem = await self._replace(message, faults)
            case Delta():
                problem = await self._apply(message, faults)
                if kept and not message.keeps:
                    problem = await self._write(self._book.owed_removals()) or problem
        for fault in faults:
            log.error("revision %d: %s", message.revision, fault)
        if problem and not self.problem:
            self._retry_at = self._loop.time() + RETRY_SECONDS
        # What was owed before a delta is owed still; a snapshot writes all there is.
        self._note(problem or (self.problem if isinstance(message, Delta) else ""))
        self._healed = partial(acknowledge, message.revision, "; ".join(faults[:5]))
        acknowledge(message.revision, "; ".join(filter(None, [*faults[:5], self.problem])))

    async def _replace(self, snapshot: Snapshot, faults: list[str]) -> str:
        """What could not be written, or empty."""
        self._counters.snapshots += 1
        first = self._judge.policy is None
        policy = self._judge.policy or Policy()
        left = await self._left_behind(snapshot) if first and not self._continues else []
        policy.replace(snapshot)
        self._judge.policy = policy
        self._committer.table = snapshot.table
        now = self._loop.time()
        feeds, clients = feeds_of(snapshot.lease_sets, faults), clients_of(snapshot.identities, faults)
        # What configuration takes away is among what is reconciled; it takes away what was inherited, too.
        if first and self._continues:
            # Who asks must not wait until all is listed that stands in the kernel: see `adopt`.
            self._committer.unsure = self._standing
            self._book.replace_policy(feeds, clients, now)
            self._configure(snapshot.configuration)
            self._changed()
            return ""  # nothing was learned that could be written: see `catch_up`
        # Without the policy that they were written for, nothing but what was learned can justify them.
        self._book.inherit(left)
        self._configure(snapshot.configuration)
        changes = self._book.replace_policy(feeds, clients, now)
        self._changed()
        await self._write(changes)  # what is refused is owed, and written with the rest
        # A snapshot also comes when the table was lost and made anew: nothing counts as written.
        return await self._rewrite()

    async def _rewrite(self) -> str:
        """Write all that is due, answers going out in between; what could not be written, or empty."""
        portions = list(self._book.portions())
        self._book.doubt()
        for portion in portions:
            problem = await self._write(self._book.reconcile_part(portion, self._loop.time()))
            # What is to last for less is written anew before the rest goes.
            if problem := problem or await self._write(self._book.settle_doubts(portion)):
                return problem  # until it is tried again, what was not settled stays doubtful
            await asyncio.sleep(0)
        self._book.believe()
        return await self._write(self._book.owed_removals())

    async def _left_behind(self, snapshot: Snapshot) -> list[Element]:
        names = [name for feed in snapshot.lease_sets for name in (feed.kernel_set_v4, feed.kernel_set_v6)]
        parts = left_behind(self._lists, snapshot.table, names)
        return [element async for part in parts for element in part]

    def _standing(self, places: Sequence[Place]) -> list[Element]:
        if self._epoch != self._book.epoch:
            return []  # void: what is written now is all the reason that there is
        return standing(self._kernel, self._committer.table, places, self._loop.time())

    async def _apply(self, delta: Delta, faults: list[str]) -> str:
        """Piece by piece, answers going out in between; what could not be written, or empty."""
        self._counters.deltas += 1
        if self._judge.policy is not None:
            self._judge.policy.apply(delta)
        self._changed()
        problem = ""
        for said in delta.configuration:
            problem = await self._write(self._configure(said)) or problem
        for piece in self._pieces(delta, faults):
            changes = self._book.apply_delta(*piece, self._loop.time())
            self._changed()
            problem = await self._write(changes) or problem
            await asyncio.sleep(0)
        return problem

    async def _write(self, changes: Changes) -> str:
        """What could not be written, or empty. While rules of an earlier run are in force nothing is removed."""
        return await self._committer.write(changes._replace(remove=()) if self._keeps else changes)

    def _pieces(self, delta: Delta, faults: list[str]) -> Iterator[_Piece]:
        """What is closed comes first. A set that is new fills when somebody uses it; one that had other patterns makes
        it all one piece, or clients would use for a moment what neither policy gives them."""
        feeds, clients = feeds_of(delta.lease_sets, faults), clients_of(delta.identities, faults)
        known = self._book.roster.feeds
        if any(feed.id in known and known[feed.id] != feed for feed in feeds):
            yield feeds, delta.removed_lease_sets, clients, delta.removed_identities
            return
        yield (), (), (), delta.removed_identities
        for feed in feeds:
            yield (feed,), (), (), ()
        for at in range(0, len(clients), CLIENTS_AT_ONCE):
            yield (), (), clients[at : at + CLIENTS_AT_ONCE], ()
        yield (), delta.removed_lease_sets, (), ()

    async def _try_again(self) -> None:
        self._note(await self._rewrite())
        self._retry_at = self._loop.time() + RETRY_SECONDS
        if not self.problem:
            self._healed()

    def _note(self, problem: str) -> None:
        if problem and not self.problem:
            log.error("leases could not be written, trying again: %s", problem)
        elif self.problem and not problem:
            log.info("leases are written again")
        self.problem = problem
