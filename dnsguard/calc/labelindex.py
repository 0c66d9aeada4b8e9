"""Finding what a selector matches without looking at everything."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Generic, TypeVar

from dnsguard.selector import And, Contains, EndsWith, Equals, Expression, Has, In, Or, StartsWith

Item = TypeVar("Item")


class LabelIndex(Generic[Item]):
    """Items by their labels. `matching` looks only at items that have a label, or a value, that the selector insists
    on; a selector that insists on none is held against every item."""

    def __init__(self, items: Iterable[tuple[Mapping[str, str], Item]]) -> None:
        self._items = tuple(items)
        self._by_label: dict[str, list[int]] = {}
        self._by_value: dict[tuple[str, str], list[int]] = {}
        for position, (labels, _) in enumerate(self._items):
            for pair in labels.items():
                self._by_label.setdefault(pair[0], []).append(position)
                self._by_value.setdefault(pair, []).append(position)

    def matching(self, expression: Expression) -> list[Item]:
        """The items whose labels match, in the order they were given."""
        candidates = self._candidates(expression)
        found = self._items if candidates is None else [self._items[position] for position in candidates]
        return [item for labels, item in found if expression.matches(labels)]

    def _candidates(self, expression: Expression) -> Sequence[int] | None:
        """Ascending positions of all that can match, or None where that may be any."""
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


def _union(parts: Iterable[Sequence[int]]) -> list[int]:
    return sorted(set().union(*parts))
