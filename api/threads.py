"""Work that must not hold up other requests."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

LARGE = 32 * 1024
"""Bytes from which reading or checking an object takes some milliseconds."""


async def done(work: Callable[[], T], size: int) -> T:
    """What ``work`` returns; done in a thread where the ``size`` in bytes of what it works on is large."""
    return await asyncio.to_thread(work) if size >= LARGE else work()
