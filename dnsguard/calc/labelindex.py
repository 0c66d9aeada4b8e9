"""Finding what a selector matches without looking at everything."""

from collections.abc import Collection, Iterable, Mapping
from typing import Generic, TypeVar

from dnsguard.selector import And, Contains, EndsWith, Equals, Expression, Has, In, Or, StartsWith

Item = TypeVar("Item")


class LabelIndex(Generic[Item]):
    """Items by their labels. `matching` looks only at items that have a label, or a value, that the selector insists
    on; a selector that insists on none is held against every item."""

    def __init__(self) -> None:
        self._next = 0
        self._items: dict[int, tuple[Mapping[str, str], Item]] = {}
        self._by_label: dict[str, set[int]] = {}
        self._by_value: dict[tuple[str, str], set[int]] = {}

    def add(self, labels: Mapping[str, str], item: Item) -> int:
        """Puts the item in; the number returned takes it out again. The labels must not change meanwhile."""
        number = self._next
        self._next += 1
        self._items[number] = (labels, item)
        for pair in labels.items():
            self._by_label.setdefault(pair[0], set()).add(number)
            self._by_value.setdefault(pair, set()).add(number)
        return number

    def remove(self, number: int) -> None:
        """Takes the item out that `add` gave this number."""
        labels, _ = self._items.pop(number)
        for pair in labels.items():
            self._by_label[pair[0]].remove(number)
            self._by_value[pair].remove(number)

    def matching(self, expression: Expression) -> list[Item]:
        """The items whose labels match, in the order in which they were added."""
        candidates = self._candidates(expression)
        found = self._items.values() if candidates is None else [self._items[number] for number in sorted(candidates)]
        return [item for labels, item in found if expression.matches(labels)]

    def _candidates(self, expression: Expression) -> Collection[int] | None:
        """The numbers of all that can match, or None where that may be any."""
        match expression:
            case Equals(label, value):
                return self._by_value.get((label, value), ())
            case In(label, values):
                return _union(self._by_value.get((label, value), ()) for value in values)
            case Has(label) | Contains(label) | StartsWith(label) | EndsWith(label):
                return self._by_label.get(label, ())
            case And(operands):
                found = [some for operand in operands if (some := self._candidates(operand)) is not None]
                return min(found, key=len, default=None)
            case Or(operands):
                each = [self._candidates(operand) for operand in operands]
                known = [some for some in each if some is not None]
                return _union(known) if len(known) == len(each) else None
            case _:
                return None


def _union(parts: Iterable[Collection[int]]) -> set[int]:
    return set().union(*parts)
