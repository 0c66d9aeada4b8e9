"""Python's cyclic collector, so that it does not stop a change half-way.

A full collection looks at every object there is: with 10 000 endpoints and 1 000 policies a million, which takes half
a second, and by itself it comes in the middle of a computation: twelve times during the first. Nearly all of them are
frozen trees without cycles, which go by their reference counts. So a full collection comes when nothing is to be done,
and what outlived one is not looked at again: the next takes less than a millisecond. Young objects are collected as
ever.

Cycles that are in use at such a moment and are dropped later stay in memory: a few connections and tasks each time.
"""

import asyncio
import gc
from collections.abc import Callable

THRESHOLDS = (700, 10, 10_000)
"""Python's own, but for the last: a full collection by itself is for processes that never come to rest."""

GROWN = 50
"""Collections of the middle generation, of some 7 000 more objects each: enough for a full one to stop a change."""

SECONDS = 1.0
"""Between two looks."""


async def collect_when_quiet(quiet: Callable[[], bool], seconds: float = SECONDS) -> None:
    """Collect what has become much when ``quiet`` says that nothing waits. Runs until cancelled."""
    before = gc.get_threshold()
    gc.set_threshold(*THRESHOLDS)
    try:
        collected = 0
        while True:
            if _collections() - collected >= GROWN and quiet():
                gc.collect()
                gc.freeze()
                collected = _collections()
            await asyncio.sleep(seconds)
    finally:
        gc.set_threshold(*before)


def _collections() -> int:
    """How often the middle generation was collected so far."""
    return int(gc.get_stats()[1]["collections"])
