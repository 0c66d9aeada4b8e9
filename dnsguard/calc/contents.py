"""What one set holds, kept up to date while the objects that its selector matches come, change and go."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from dnsguard.calc.compiled import Address, LeaseSet, MemberSet, Network, PortSet
from dnsguard.calc.networks import NetworkKey
from dnsguard.calc.union import NOTHING, NetworkUnion
from dnsguard.domains import DomainPattern

Element = TypeVar("Element", bound=Hashable)
Triple = tuple[Address, int, int]
"""(address, protocol number, port)."""


@dataclass(frozen=True, slots=True)
class Selectable:
    """What a rule's selector finds in an endpoint or a network set."""

    networks: Mapping[NetworkKey, Network] = field(default_factory=lambda: NOTHING)
    patterns: tuple[DomainPattern, ...] | None = None
    """None of an endpoint, and of a network set that has no list of domains at all."""

    ports: tuple[tuple[str, int, int], ...] = ()
    """(name, protocol number, port), of endpoints only."""

    addresses: tuple[Address, ...] = ()
    """Of endpoints only: where the ports are."""


NO_OBJECT = Selectable()


class Contents(ABC):
    """The objects that a selector matches, as one kind of set sees them."""

    @abstractmethod
    def replace(self, before: Selectable, after: Selectable) -> None:
        """An object that matched is another now. `NO_OBJECT` stands for one that did not match, or does not."""

    @abstractmethod
    def as_set(self) -> MemberSet | PortSet | LeaseSet | None:
        """The set as it is now, None where there is to be none. What did not change is the same object."""

    def answer(self) -> bool:
        """What is told to those who ask: whether there is anything to refer to."""
        return True


class Members(Contents):
    """Addresses and networks."""

    def __init__(self, name: str, description: str) -> None:
        self._name, self._description = name, description
        self._union = NetworkUnion()

    def replace(self, before: Selectable, after: Selectable) -> None:
        """Keeps the union."""
        self._union.replace(before.networks, after.networks)

    def as_set(self) -> MemberSet:
        """Always there, be it empty."""
        return MemberSet(self._name, self._description, self._union.networks())


class Ports(Contents):
    """Where endpoints offer one of some names."""

    def __init__(self, name: str, description: str, protocol: int | None, names: frozenset[str]) -> None:
        self._name, self._description, self._protocol, self._names = name, description, protocol, names
        self._triples = _Tally[Triple]()

    def replace(self, before: Selectable, after: Selectable) -> None:
        """Keeps the triples."""
        self._triples.replace(self._of(before), self._of(after))

    def as_set(self) -> PortSet:
        """Always there, be it empty."""
        return PortSet(self._name, self._description, self._triples.elements())

    def _of(self, item: Selectable) -> set[Triple]:
        return {
            (address, number, port)
            for name, number, port in item.ports
            if name in self._names and self._protocol in (None, number)
            for address in item.addresses
        }


class Domains(Contents):
    """Domain patterns.

    There is a set where an object has a list of domains, be it empty: one that is meant for domains keeps its place in
    the rules while domains come and go.
    """

    def __init__(self, name: str, description: str) -> None:
        self._name, self._description = name, description
        self._lists = 0
        self._patterns = _Tally[DomainPattern]()

    def replace(self, before: Selectable, after: Selectable) -> None:
        """Keeps the patterns, and how many lists there are."""
        if before.patterns is None and after.patterns is None:
            return
        self._lists += (after.patterns is not None) - (before.patterns is not None)
        self._patterns.replace(set(before.patterns or ()), set(after.patterns or ()))

    def as_set(self) -> LeaseSet | None:
        """None without a list."""
        return LeaseSet(self._name, self._description, self._patterns.elements()) if self._lists else None

    def answer(self) -> bool:
        """Whether there is a list."""
        return self._lists > 0


class AtAll(Contents):
    """No set, only the question whether there is an object of some sort."""

    def __init__(self, counts: Callable[[Selectable], bool]) -> None:
        self._counts = counts
        self._objects = 0

    def replace(self, before: Selectable, after: Selectable) -> None:
        """Counts the objects of that sort."""
        self._objects += self._counts(after) - self._counts(before)

    def as_set(self) -> None:
        """Nothing comes of it."""

    def answer(self) -> bool:
        """Whether there is one."""
        return self._objects > 0


class _Tally(Generic[Element]):
    """Elements, and how many objects bring each."""

    def __init__(self) -> None:
        self._counts: dict[Element, int] = {}
        self._elements: frozenset[Element] | None = frozenset()

    def replace(self, before: AbstractSet[Element], after: AbstractSet[Element]) -> None:
        for element in before - after:
            self._counts[element] -= 1
            if not self._counts[element]:
                del self._counts[element]
                self._elements = None
        for element in after - before:
            count = self._counts.get(element, 0)
            self._counts[element] = count + 1
            if not count:
                self._elements = None

    def elements(self) -> frozenset[Element]:
        """The same object until something changes."""
        if self._elements is None:
            self._elements = frozenset(self._counts)
        return self._elements
