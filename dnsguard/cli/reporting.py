"""What `dnsguard run` tells the manager of services that started it, as systemd: ready, alive, how it is."""

import time
from collections.abc import Callable
from typing import Final

from dnsguard.notify import ServiceManager

EASY_SECONDS: Final = 10.0
"""Between two looks at how it is, once it is ready: for the text alone."""

Condition = Callable[[], tuple[bool, str]]
"""Whether what policy says is enforced, and that in words. May take a second."""


class Reporting:
    """Ready is said once policy is enforced, and that we are alive only while all children prove that they are."""

    def __init__(self, manager: ServiceManager, condition: Condition) -> None:
        self._manager = manager
        self._condition = condition
        self._is_ready = False
        self._said = ""
        self._due = 0.0

    def looked(self, all_alive: bool) -> None:
        """Called after each look at the children."""
        if not self._manager.is_there:
            return
        if all_alive:
            self._manager.tell("WATCHDOG=1")
        now = time.monotonic()
        if self._is_ready and now < self._due and all_alive:
            return
        is_ready, words = self._condition()
        self._due = now + EASY_SECONDS
        if is_ready and not self._is_ready:
            self._is_ready = True
            self._manager.tell("READY=1")
        self._say(words or ("the controller does not answer" if self._is_ready else "starting"))

    def reloading(self) -> None:
        """All children are about to be started anew."""
        self._manager.tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}", "STATUS=reads its settings")
        self._is_ready = False
        self._said = ""

    def refused(self, words: str) -> None:
        """A reload changed nothing."""
        self._manager.tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
        self._manager.tell("READY=1", f"STATUS={words}")
        self._said = words
        self._due = time.monotonic() + EASY_SECONDS

    def stopping(self) -> None:
        """We end, and are not to be missed."""
        self._manager.tell("STOPPING=1", "STATUS=stops; what is enforced stays in the kernel")

    def _say(self, words: str) -> None:
        if words != self._said:
            self._said = words
            self._manager.tell(f"STATUS={words}")
