"""The part of two sequences in which they differ, found by identity: what did not change is the same object in both."""

from collections.abc import Sequence
from itertools import takewhile
from operator import is_
from typing import Generic, NamedTuple, TypeVar

Item = TypeVar("Item")


class Span(NamedTuple, Generic[Item]):
    """What stands between a beginning and an end that are the same objects in both sequences."""

    start: int
    """How long the common beginning is."""

    old: Sequence[Item]
    new: Sequence[Item]


def differing(old: Sequence[Item], new: Sequence[Item]) -> Span[Item]:
    """The smallest span that holds every difference."""
    if old is new:
        return Span(len(new), (), ())
    start = sum(1 for _ in takewhile(bool, map(is_, old, new)))
    end = sum(1 for _ in takewhile(bool, map(is_, reversed(old), reversed(new))))
    end = min(end, len(old) - start, len(new) - start)
    return Span(start, old[start : len(old) - end], new[start : len(new) - end])
