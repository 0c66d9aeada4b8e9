"""The sets that rules refer to: there while a rule needs them, shared by all that mean the same."""

from collections.abc import Callable, Hashable, Mapping
from enum import Enum, auto
from typing import NamedTuple, Protocol

from dnsguard.calc.compiled import LeaseSet, MemberSet, PortSet
from dnsguard.calc.contents import NO_OBJECT, Contents, Selectable
from dnsguard.calc.labelindex import LabelIndex, SelectorIndex
from dnsguard.calc.published import Published
from dnsguard.selector import Expression

Owner = Hashable
"""Whoever asks for sets: a policy, a profile, the advice about one."""


class Labelled(Protocol):
    """An object that selectors match."""

    @property
    def labels(self) -> Mapping[str, str]:
        """Effective labels."""

    @property
    def selectable(self) -> Selectable:
        """What rules find in it."""


class SetKind(Enum):
    """What is asked for."""

    MEMBERS = auto()
    PORTS = auto()
    LEASES = auto()
    HAS_DOMAINS = auto()
    HAS_ENDPOINTS = auto()
    """Nothing but an answer, as the one before."""


class Reference(NamedTuple):
    """One set, or question."""

    kind: SetKind
    name: str


class SetRegistry:
    """Sets in use, and who uses them. They follow the objects; a set that nobody asks for any more goes."""

    def __init__(self, objects: LabelIndex[Hashable, Labelled]) -> None:
        self._objects = objects
        self._subscribed = SelectorIndex[Reference]()
        self._selectors: dict[Reference, Expression | None] = {}
        self._contents: dict[Reference, Contents] = {}
        self._answers: dict[Reference, bool] = {}
        """As last told."""

        self._owners: dict[Reference, set[Owner]] = {}
        self._references: dict[Owner, set[Reference]] = {}
        self._touched: set[Reference] = set()
        self.member_sets = Published[str, MemberSet]()
        self.port_sets = Published[str, PortSet]()
        self.lease_sets = Published[str, LeaseSet]()

    def replace(self, before: Labelled | None, after: Labelled | None) -> None:
        """An object is another now, and the index of objects has it already."""
        was = set(self._subscribed.matching(before.labels)) if before is not None else set()
        now = set(self._subscribed.matching(after.labels)) if after is not None else set()
        old = before.selectable if before is not None else NO_OBJECT
        new = after.selectable if after is not None else NO_OBJECT
        # Labels alone changed: nothing happens to sets that it stays in.
        touched = was ^ now if old == new else was | now
        for reference in touched:
            self._contents[reference].replace(
                old if reference in was else NO_OBJECT, new if reference in now else NO_OBJECT
            )
        self._touched |= touched

    def outdated(self) -> set[Owner]:
        """Those who would be told something else now than when they asked: they are to ask anew."""
        owners: set[Owner] = set()
        for reference in self._touched:
            answer = self._contents[reference].answer()
            if answer is not self._answers[reference]:
                self._answers[reference] = answer
                owners |= self._owners[reference]
        return owners

    def told(self, reference: Reference, selector: Expression | None, make: Callable[[], Contents]) -> bool:
        """The answer of a set, which is made when it is not there; `selector` says which objects are in it."""
        if reference not in self._contents:
            contents = self._contents[reference] = make()
            self._selectors[reference] = selector
            self._owners[reference] = set()
            if selector is not None:
                self._subscribed.add(selector, reference)
                for item in self._objects.matching(selector):
                    contents.replace(NO_OBJECT, item.selectable)
            self._answers[reference] = contents.answer()
            self._touched.add(reference)
        return self._answers[reference]

    def settle(self, owner: Owner, references: set[Reference]) -> None:
        """The owner uses these from now on, and no others. It was `told` of each."""
        before = self._references.pop(owner, set())
        for reference in before - references:
            self._owners[reference].remove(owner)
            self._touched.add(reference)
        for reference in references - before:
            self._owners[reference].add(owner)
        if references:
            self._references[owner] = references

    def publish(self) -> None:
        """Brings what is published up to date."""
        for reference in sorted(self._touched, key=lambda reference: reference.name):
            if not self._owners[reference]:
                self._close(reference)
                continue
            match self._contents[reference].as_set():
                case MemberSet() as made:
                    self.member_sets.put(reference.name, made)
                case PortSet() as made:
                    self.port_sets.put(reference.name, made)
                case LeaseSet() as made:
                    self.lease_sets.put(reference.name, made)
                case None:
                    self._take_down(reference)
        self._touched.clear()

    def _close(self, reference: Reference) -> None:
        del self._contents[reference], self._answers[reference], self._owners[reference]
        selector = self._selectors.pop(reference)
        if selector is not None:
            self._subscribed.remove(selector, reference)
        self._take_down(reference)

    def _take_down(self, reference: Reference) -> None:
        match reference.kind:
            case SetKind.MEMBERS:
                self.member_sets.drop(reference.name)
            case SetKind.PORTS:
                self.port_sets.drop(reference.name)
            case SetKind.LEASES:
                self.lease_sets.drop(reference.name)
            case SetKind.HAS_DOMAINS | SetKind.HAS_ENDPOINTS:
                pass
