"""The part of two sequences in which they differ, found by identity: what did not change is the same object in both."""

import sys
from collections.abc import Iterable, Sequence
from itertools import compress, count
from operator import is_not
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
    start = min(_common(old, new), len(old), len(new))
    end = min(_common(reversed(old), reversed(new)), len(old) - start, len(new) - start)
    return Span(start, old[start : len(old) - end], new[start : len(new) - end])


def exchanged(old: Sequence[Item], new: Sequence[Item]) -> tuple[list[Item], list[Item]]:
    """(What is gone, what came), each in its order; ``old`` holds no object twice.

    Raises ValueError where ``new`` may.
    """
    _, had, has = differing(old, new)
    before, now = set(map(id, had)), set(map(id, has))
    if len(now) < len(has):
        raise ValueError("an object is there twice")
    return [each for each in had if id(each) not in now], [each for each in has if id(each) not in before]


def _common(some: Iterable[object], others: Iterable[object]) -> int:
    """How many are the same objects before the first that is not; more than there are where all are.

    In C alone: each change compares tens of thousands.
    """
    return next(compress(count(), map(is_not, some, others)), sys.maxsize)
