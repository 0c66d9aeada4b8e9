"""When versions of objects came into force, and which ones have not yet."""

import time
from collections.abc import Callable
from typing import NamedTuple

from dnsguard.store.interface import Key


class Waiting(NamedTuple):
    """The newest version of an object, which is not in force yet."""

    revision: int
    before: str
    """``resourceVersion`` that is in force meanwhile; empty where there is none."""

    since: str


class Settled(NamedTuple):
    """A version that waits no more."""

    key: Key
    revision: int


class Transitions:
    """An entry for each object; times as Kubernetes writes them, in whole seconds."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """``clock``: seconds since 1970."""
        self._clock = clock
        self._second = 0
        self._stamp = ""
        self._since: dict[Key, str] = {}
        self.waiting: dict[Key, Waiting] = {}
        """For reading."""

    def changed(self, key: Key, revision: int, before: str) -> None:
        """An object has another version than ``before``."""
        waiting = self.waiting.get(key)
        self.waiting[key] = Waiting(revision, before if waiting is None else waiting.before, self.now())

    def gone(self, key: Key) -> None:
        """The object is no more."""
        self.waiting.pop(key, None)
        self._since.pop(key, None)

    def settle(self, revision: int) -> list[Settled]:
        """What a state of the store brought into force, in order of revisions."""
        settled = sorted(
            (Settled(key, each.revision) for key, each in self.waiting.items() if each.revision <= revision),
            key=lambda each: each.revision,
        )
        now = self.now()
        for key, _ in settled:
            del self.waiting[key]
            self._since[key] = now
        return settled

    def since(self, key: Key) -> str:
        """When the version of an object that is in force, or the one that waits, became what it is."""
        waiting = self.waiting.get(key) if self.waiting else None
        return waiting.since if waiting is not None else self._since.get(key) or self.now()

    def now(self) -> str:
        """The time of day."""
        second = int(self._clock())
        if second != self._second:
            self._second, self._stamp = second, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second))
        return self._stamp
