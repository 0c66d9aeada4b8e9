"""A short look, many times a second, at what all else hangs on; what others opened is closed at once.

The guard reads everything, about once a second, and shares its thread with changes that may take long. This looks at
base chains, and at one element of each set of leases, on a socket of its own. It closes by itself and leaves to the
driver what it takes to restore the rest.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from enum import Enum
from itertools import takewhile
from threading import Lock
from time import monotonic
from typing import NamedTuple, Protocol

from dnsguard.dataplane import delta, encode
from dnsguard.dataplane.revision import Revision
from dnsguard.dataplane.rules import Plan
from dnsguard.dataplane.sets import LeaseSet
from dnsguard.netlink import dumps, nftables
from dnsguard.netlink.nftables import Message
from dnsguard.netlink.socket import NetlinkError

SETS_AT_ONCE = 8
"""Sets of leases in one look. Asking for one element costs 4 µs, and after each change of anybody all are asked for."""

_GENERATION_ENDS = 4
"""Every answer begins with a header that carries the generation."""


class Harm(Enum):
    """What others did."""

    RULES = "removed the table or rules of it"
    LEASES = "emptied sets of leases"


class Sighting(NamedTuple):
    """What a look found."""

    harm: Harm
    unnoticed: float
    """Seconds from the last look that found nothing until it was closed, or the sign was put up again: what others
    changed was in effect for no longer."""

    noticed: float
    """When, on the clock of `time.monotonic`."""


class Kernel(Protocol):
    """What is needed of a netlink socket."""

    def ask(self, requests: list[Message], deadline_s: float = 5.0) -> list[bytes | None]: ...

    def transact(self, messages: list[Message], deadline_s: float = 5.0) -> None: ...


class Sentinel:
    """Looks from one thread, and is told from another what to expect."""

    def __init__(self, socket: Kernel, foundation: Plan) -> None:
        """``socket``: nobody else's. ``foundation``: the plan of no policy at all, to close with."""
        self._socket = socket
        self._foundation = foundation
        self._lock = Lock()
        self._plan: Plan | None = None
        """In force; None: the rules of an earlier run, or none at all."""

        self._revision: Revision | None = None
        """Of policy, in the marks of connections: it goes on when the table is gone."""

        self._bases: Mapping[str, int] = {}
        """How many rules each base chain has; empty: nothing to look after."""

        self._lease_sets: tuple[LeaseSet, ...] = ()
        self._said: dict[str, bytes] = {}
        """Of each base chain, when it was as expected."""

        self._generation = -1
        """The last one up to which every change was looked at."""

        self._unread = 0
        """Sets of leases still to be looked at since then."""

        self._position = 0
        self._well = monotonic()
        """When a look began that found nothing."""

    def aside(self) -> AbstractContextManager[object]:
        """While others hold this it does not look: for a change of base chains until `expect` has been called."""
        return self._lock

    def expect(self, plan: Plan, revision: Revision | None = None) -> None:
        """The plan is in force, with that revision. To be called ``aside``, as the others are."""
        before, self._plan = self._plan, plan
        self._revision = revision
        if before is None or before.chains is not plan.chains:
            self._expect(_bases(plan))
        if before is None or before.sets is not plan.sets:
            self._lease_sets = tuple(item for item in takewhile(_is_lease_set, plan.sets) if isinstance(item, LeaseSet))
            self._unread = len(self._lease_sets)

    def expect_adopted(self, bases: Mapping[str, int], revision: Revision | None = None) -> None:
        """These base chains, with so many rules, were left by an earlier run, and that revision."""
        self._plan = None
        self._revision = revision
        self._expect(bases)
        self._lease_sets = ()

    def expect_nothing(self) -> None:
        """Somebody is about to remove the table for good."""
        self.expect_adopted({})

    def look(self) -> Sighting | None:
        """What others did since the last look, as far as it shows here. Nothing is open any more when this returns.

        Raises DnsguardError when the kernel refuses to answer or to close; the next look tries again.
        """
        with self._lock:
            began = monotonic()
            harm = self._look() if self._bases else None
            ended = monotonic() if harm is not None else began
            unnoticed, self._well = ended - self._well, began
            return None if harm is None else Sighting(harm, unnoticed, ended)

    def _look(self) -> Harm | None:
        (answer,) = self._socket.ask([nftables.generation_request()])
        generation = -1 if answer is None else dumps.generation(answer)
        changed = generation != self._generation
        if not changed and not self._unread:
            return None
        if changed and (others := self._unexpected()):
            self._close(is_all_gone=not any(others.values()) and len(others) == len(self._bases))
            return Harm.RULES
        if changed:
            self._unread = len(self._lease_sets)
        emptied = self._emptied()
        if not emptied:
            self._generation = generation
            return None
        for item in emptied:
            self._socket.transact(nftables.add_elements(self._foundation.table, item.name, encode.content(item)))
        return Harm.LEASES

    def _unexpected(self) -> dict[str, int]:
        """How many rules each base chain has that is missing, or has more or fewer than it should."""
        table = self._foundation.table
        answers = self._socket.ask([nftables.chain_request(table, name) for name in self._bases])
        found: dict[str, int] = {}
        for (name, rules), answer in zip(self._bases.items(), answers, strict=True):
            said = b"" if answer is None else answer[_GENERATION_ENDS:]
            if said and said == self._said.get(name):
                continue
            has = 0 if answer is None else sum(chain.references for chain in dumps.chains([answer]))
            if has == rules:
                self._said[name] = said
            else:
                found[name] = has
        return found

    def _emptied(self) -> list[LeaseSet]:
        """Of the sets of leases whose turn it is, those that lack their sentinel."""
        count = min(SETS_AT_ONCE, self._unread)
        if not count:
            return []
        total = len(self._lease_sets)
        turn = [self._lease_sets[(self._position + step) % total] for step in range(count)]
        self._position = (self._position + count) % total
        self._unread -= count
        table = self._foundation.table
        answers = self._socket.ask([nftables.element_request(table, item.name, item.sentinel) for item in turn])
        return [item for item, answer in zip(turn, answers, strict=True) if answer is None]

    def _close(self, *, is_all_gone: bool) -> None:
        """Base chains as they were, where what they lead to still stands, else those that close. What they lead to has
        no rules any more where no base chain has."""
        if self._plan is not None and not is_all_gone:
            try:
                self._socket.transact(list(delta.rebased(self._plan)))
            except NetlinkError:
                pass  # something that they lead to is gone, too
            else:
                self._said.clear()
                return
        self._socket.transact(list(delta.founded(self._foundation, self._revision)))
        self.expect_adopted(_bases(self._foundation), self._revision)

    def _expect(self, bases: Mapping[str, int]) -> None:
        if bases != self._bases:
            self._bases = bases
            self._said.clear()
        self._generation = -1


def _bases(plan: Plan) -> dict[str, int]:
    return {chain.name: len(chain.rules) for chain in plan.chains if chain.hook is not None}


def _is_lease_set(item: object) -> bool:
    return isinstance(item, LeaseSet)
