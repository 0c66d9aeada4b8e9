"""What a selector insists on: where to look for what it can match, without looking at everything."""

from collections.abc import Callable, Iterable, Mapping

from dnsguard.selector import (
    And,
    Contains,
    EndsWith,
    Equals,
    Expression,
    Has,
    In,
    Or,
    StartsWith,
)

Anchor = str | tuple[str, str]
"""A label that is present, or present with a value."""


def anchors(expression: Expression, size: Callable[[Anchor], int]) -> frozenset[Anchor] | None:
    """Whatever the expression matches has at least one of these; None where it may match what has none.

    Of several conditions that must hold together one is enough to look by: the one whose anchors add up to the smallest
    `size`.
    """
    match expression:
        case Equals(label, value):
            return frozenset({(label, value)})
        case In(label, values):
            return frozenset((label, value) for value in values)
        case Has(label) | Contains(label) | StartsWith(label) | EndsWith(label):
            return frozenset({label})
        case And(operands):
            each = (anchors(operand, size) for operand in operands)
            return min((some for some in each if some is not None), key=lambda some: sum(map(size, some)), default=None)
        case Or(operands):
            found: set[Anchor] = set()
            for operand in operands:
                some = anchors(operand, size)
                if some is None:
                    return None
                found |= some
            return frozenset(found)
        case _:
            return None


def anchors_of(labels: Mapping[str, str]) -> Iterable[Anchor]:
    """All anchors that an object with these labels has."""
    yield from labels
    yield from labels.items()
