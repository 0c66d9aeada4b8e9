"""What has to be written to the kernel."""

from collections.abc import Iterator
from typing import NamedTuple

from dnsguard.leases.scope import Scope


class Place(NamedTuple):
    """Where an element stands: its set and its key."""

    kernel_set: str
    client: bytes
    """Packed source address."""

    address: bytes
    """Packed destination address, of the same family."""


class Element(NamedTuple):
    """One element to add, or to raise where it exists."""

    place: Place
    expires: float
    """On the clock of ``now``; the kernel's timeout is what is left of it when the element is written."""

    def timeout_ms(self, now: float) -> int:
        """Milliseconds left, at least 1: for the kernel 0 would mean for ever."""
        return max(1, int((self.expires - now) * 1000) + 1)


class Debt(NamedTuple):
    """A name whose elements are not all acknowledged; the serial tells whether it was raised again since."""

    scope: Scope
    name: bytes
    serial: int


class Changes(NamedTuple):
    """Elements to add and to remove, from one cause: for ``LeaseBook.acknowledged`` once the kernel has them."""

    add: tuple[Element, ...] = ()
    remove: tuple[Place, ...] = ()
    debts: tuple[Debt, ...] = ()
    """Settled by the acknowledgement."""

    generation: int = 0
    """Of the policy that asked for it."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write. No truth value: compiled, a named tuple has that of a tuple."""
        return not (self.add or self.remove)

    def joined(self, other: "Changes") -> "Changes":
        """Both, of one generation."""
        return Changes(self.add + other.add, self.remove + other.remove, self.debts + other.debts, other.generation)

    def parts(self, size: int) -> Iterator["Changes"]:
        """The same in pieces of at most ``size`` elements, removals first; the last settles the debts."""
        pieces = [self._replace(add=(), remove=self.remove[at : at + size], debts=())
                  for at in range(0, len(self.remove), size)]  # fmt: skip
        pieces += [self._replace(add=self.add[at : at + size], remove=(), debts=())
                   for at in range(0, len(self.add), size)]  # fmt: skip
        yield from pieces[:-1]
        if pieces:
            yield pieces[-1]._replace(debts=self.debts)


NOTHING = Changes()


class Learned(NamedTuple):
    """What an answer did to the book."""

    changes: Changes
    """Empty when the kernel already holds all that this answer needs."""

    until: float
    """When the first of the edges behind this answer expires; infinite for an answer without any."""
