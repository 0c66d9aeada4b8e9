"""Finding what a selector matches, and which selectors match."""

from collections import Counter
from collections.abc import Hashable, Mapping
from collections.abc import Set as AbstractSet
from functools import reduce
from operator import and_
from typing import Generic, TypeVar

from dnsguard.calc.anchors import Anchor, anchors, anchors_of
from dnsguard.selector import (
    All,
    And,
    Contains,
    EndsWith,
    Equals,
    Expression,
    Global,
    Has,
    In,
    Or,
    StartsWith,
    labels_in,
)

_NONE: frozenset[int] = frozenset()

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")
Subscriber = TypeVar("Subscriber", bound=Hashable)


class LabelIndex(Generic[Key, Item]):
    """Items by their labels. `matching` looks only at items that have what the selector insists on; a selector that
    insists on nothing is held against every item."""

    def __init__(self) -> None:
        self._next = 0
        self._numbers: dict[Key, int] = {}
        self._items: dict[int, tuple[Mapping[str, str], Item]] = {}
        self._by_anchor: dict[Anchor, set[int]] = {}
        """Of numbers, which are cheaper to keep in sets than keys are."""

    def put(self, key: Key, labels: Mapping[str, str], item: Item) -> None:
        """From now on the key stands for this item. The labels must not change meanwhile."""
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = self._next
            self._next += 1
            for anchor in anchors_of(labels):
                self._by_anchor.setdefault(anchor, set()).add(number)
        elif (before := self._items[number][0]) != labels:
            self._take(number, before)
            for anchor in anchors_of(labels):
                self._by_anchor.setdefault(anchor, set()).add(number)
        self._items[number] = (labels, item)

    def remove(self, key: Key) -> None:
        """Takes out what was put under the key."""
        number = self._numbers.pop(key)
        self._take(number, self._items.pop(number)[0])

    def matching(self, expression: Expression) -> list[Item]:
        """The items whose labels match, in no particular order."""
        numbers, exact = self._candidates(expression)
        found = self._items.values() if numbers is None else map(self._items.__getitem__, numbers)
        return [item for labels, item in found if exact or expression.matches(labels)]

    def _candidates(self, expression: Expression) -> tuple[AbstractSet[int] | None, bool]:
        """The numbers of all that can match, None where that may be any; and whether all of these do match."""
        match expression:
            case Equals(label, value):
                return self._by_anchor.get((label, value), _NONE), True
            case In(label, values):
                return _NONE.union(*(self._by_anchor.get((label, value), _NONE) for value in values)), True
            case Has(label):
                return self._by_anchor.get(label, _NONE), True
            case Contains(label) | StartsWith(label) | EndsWith(label):
                return self._by_anchor.get(label, _NONE), False
            case And(operands):
                each = [self._candidates(operand) for operand in operands]
                known = sorted((numbers for numbers, _ in each if numbers is not None), key=len)
                exact = len(known) == len(each) and all(exact for _, exact in each)
                return (reduce(and_, known) if known else None), exact
            case Or(operands):
                each = [self._candidates(operand) for operand in operands]
                known = [numbers for numbers, _ in each if numbers is not None]
                return (_NONE.union(*known) if len(known) == len(each) else None), all(exact for _, exact in each)
            case All() | Global():
                return None, True
            case _:
                return None, False

    def _take(self, number: int, labels: Mapping[str, str]) -> None:
        for anchor in anchors_of(labels):
            holders = self._by_anchor[anchor]
            holders.remove(number)
            if not holders:
                del self._by_anchor[anchor]


class SelectorIndex(Generic[Subscriber]):
    """Selectors, and who subscribes to them. `matching` holds labels only against selectors that insist on one of them,
    and against those that insist on nothing; a selector with many subscribers is held against them once."""

    def __init__(self) -> None:
        self._subscribers: dict[Expression, dict[Subscriber, None]] = {}
        self._filed: dict[Expression, frozenset[Anchor] | None] = {}
        self._by_anchor: dict[Anchor, dict[Expression, None]] = {}
        self._anywhere: dict[Expression, None] = {}
        self._mentioned = Counter[str]()
        """How many of the selectors speak of a label."""

    def add(self, expression: Expression, subscriber: Subscriber) -> None:
        """The subscriber is found by what the expression matches."""
        if expression not in self._subscribers:
            where = anchors(expression, lambda anchor: len(self._by_anchor.get(anchor, ())))
            self._filed[expression] = where
            self._mentioned.update(labels_in(expression))
            if where is None:
                self._anywhere[expression] = None
            for anchor in where or ():
                self._by_anchor.setdefault(anchor, {})[expression] = None
        self._subscribers.setdefault(expression, {})[subscriber] = None

    def remove(self, expression: Expression, subscriber: Subscriber) -> None:
        """Undoes `add`."""
        subscribers = self._subscribers[expression]
        del subscribers[subscriber]
        if subscribers:
            return
        del self._subscribers[expression]
        for label in labels_in(expression):
            self._mentioned[label] -= 1
            if not self._mentioned[label]:
                del self._mentioned[label]
        self._anywhere.pop(expression, None)
        for anchor in self._filed.pop(expression) or ():
            filed = self._by_anchor[anchor]
            del filed[expression]
            if not filed:
                del self._by_anchor[anchor]

    def seen(self, labels: Mapping[str, str]) -> frozenset[tuple[str, str]]:
        """The labels that some selector speaks of. Objects with the same ones are matched by the same selectors."""
        return frozenset(pair for pair in labels.items() if pair[0] in self._mentioned)

    def matching(self, labels: Mapping[str, str]) -> list[Subscriber]:
        """The subscribers of all selectors that match the labels."""
        candidates = dict(self._anywhere)
        for anchor in anchors_of(labels):
            candidates |= self._by_anchor.get(anchor, {})
        return [
            subscriber
            for expression in candidates
            if expression.matches(labels)
            for subscriber in self._subscribers[expression]
        ]
