"""Python's garbage collector, so that no answer waits for it."""

import gc
from typing import Final

_YOUNG: Final = 2_000
"""Objects made and kept between two looks at the new ones: a tenth of a millisecond each."""

_NEVER: Final = 1 << 30


def quieten() -> None:
    """From now on each object is looked at once, while it is new, and then never again.

    What was learned is hundreds of thousands of objects, and the collector would go through all of them again and
    again: milliseconds each time, in which nobody is answered. Counting references frees them all the same. Lost are
    only rings of objects that had lived a while before they were given up; what forms rings here lives short or for
    ever.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _NEVER, _NEVER)
    if _set_aside not in gc.callbacks:
        gc.callbacks.append(_set_aside)


def _set_aside(phase: str, _: dict[str, int]) -> None:
    if phase == "stop":
        gc.freeze()
