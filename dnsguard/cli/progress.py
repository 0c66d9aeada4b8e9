"""How far something is that takes long, for people who wait."""

import sys
import time
from types import TracebackType
from typing import Final, Self

FROM: Final = 20
"""Things to do; with fewer it is over before anybody wonders."""

_SECONDS: Final = 0.1


class Progress:
    """One line on the terminal that counts up, and is gone at the end. Nothing where stderr is no terminal."""

    def __init__(self, what: str, total: int) -> None:
        self._what = what
        self._total = total
        self._done = 0
        self._said = 0.0
        self._is_shown = total >= FROM and sys.stderr.isatty()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.clear()

    def step(self) -> None:
        """One more is done."""
        self._done += 1
        now = time.monotonic()
        if self._is_shown and now - self._said >= _SECONDS:
            self._said = now
            print(f"\r{self._what} {self._done}/{self._total}\x1b[K", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Make room for a line of output."""
        if self._is_shown and self._said:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self._said = 0.0
