"""Unpredictable bits at hot-path prices: the kernel's randomness, fetched in bulk."""

import os
from collections.abc import Callable

_CHUNK = 16_384


class Entropy:
    """Bytes that nobody off path can guess. ``source(n)`` gives n random octets; tests pass their own."""

    __slots__ = ("_pool", "_position", "_source")

    def __init__(self, source: Callable[[int], bytes] = os.urandom) -> None:
        self._source = source
        self._pool = b""
        self._position = 0

    def take(self, count: int) -> bytes:
        """``count`` octets, each given out once; at most 4096 at a time."""
        start = self._position
        if start + count > len(self._pool):
            self._pool = self._source(_CHUNK)
            start = 0
        self._position = start + count
        return self._pool[start : start + count]

    def number(self) -> int:
        """16 bits: a message ID, or a pick."""
        return int.from_bytes(self.take(2), "big")
