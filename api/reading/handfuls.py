"""Objects some at a time, so that nobody else waits while many, or large ones, are read and written."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TypeVar

from dnsguard.api.reading.selection import Selection
from dnsguard.store.interface import Event, Record

Stored = TypeVar("Stored", Record, Event)

MOST = 100
MOST_TEXT = 128 * 1024
"""Characters: as long as that many objects take, a few milliseconds. One that is larger comes alone."""


def in_handfuls(records: Sequence[Stored]) -> Iterator[Sequence[Stored]]:
    """All of them, in order."""
    first = text = 0
    for index, record in enumerate(records):
        text += len(record.text)
        if index > first and (text > MOST_TEXT or index - first == MOST):
            yield records[first:index]
            first, text = index, len(record.text)
    if first < len(records):
        yield records[first:]


async def chosen_of(records: Sequence[Record], wanted: Selection) -> AsyncIterator[Record]:
    """Those that are wanted; others have their turn in between."""
    for handful in in_handfuls(records):
        for record in handful:
            if wanted.may_be(record.key) and (not wanted.tests or wanted.holds(record.value())):
                yield record
        await asyncio.sleep(0)
