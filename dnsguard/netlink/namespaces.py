"""Network namespaces of our own, for as long as a socket lives that was made in one."""

import ctypes
import os
import threading
from collections.abc import Callable
from typing import TypeVar

_CLONE_NEWNET = 0x40000000

Made = TypeVar("Made")


def in_new_namespace(make: Callable[[], Made]) -> Made:
    """What ``make`` returns, called in a new network namespace by a thread that then ends: this thread stays where it
    is, and the namespace goes with the last socket or descriptor of it. Blocks. Raises OSError where none may be made,
    and what ``make`` raises."""
    found: list[Made] = []
    failed: list[BaseException] = []

    def work() -> None:
        try:
            # No function of Python's before 3.12. What it changes is this thread's alone.
            if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET):
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number))
            found.append(make())
        except BaseException as error:  # it belongs to who called
            failed.append(error)

    thread = threading.Thread(target=work, name="namespace")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return found[0]
