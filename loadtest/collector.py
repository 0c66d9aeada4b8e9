"""Python's own collector: how long the program stood still for it."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from time import thread_time
from typing import Any

_OLDEST = 2


@contextmanager
def pauses() -> Iterator[list[float]]:
    """Seconds of each collection of the oldest generation while the context lasts: it looks at every object."""
    found: list[float] = []
    began = 0.0

    def noticed(phase: str, info: dict[str, Any]) -> None:
        nonlocal began
        if phase == "start":
            began = thread_time()
        elif info["generation"] == _OLDEST:
            found.append(thread_time() - began)

    gc.callbacks.append(noticed)
    try:
        yield found
    finally:
        gc.callbacks.remove(noticed)
