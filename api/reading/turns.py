"""What watches are told besides changes: objects whose status turned."""

from collections import defaultdict
from collections.abc import Callable, Sequence

from dnsguard.api.reading.statuses import Statuses, Turned
from dnsguard.store.interface import Compacted, Key

REMEMBERED = 20_000
"""Turns of one kind that are kept for slow watches, as many as changes are."""


class Turns:
    """Hears of every turn once and tells the watches that cover it. Belongs to one event loop."""

    def __init__(self, statuses: Statuses) -> None:
        self._statuses = statuses
        self._logs: dict[str, _Log] = {}
        """By plural; none for what nobody covers."""

        statuses.follow(self._hear)

    def watch(
        self, plural: str, namespace: str | None, name: str | None, *, since: int, call: Callable[[], None]
    ) -> "TurnWatch":
        """What turns from now on, and what did after somebody may have read revision ``since``; to be closed.

        ``call`` is called, at once, when there is something to take. Raises Compacted.
        """
        missed = [
            each for each in self._statuses.turned_since(since, plural) if each.key.is_within(None, namespace, name)
        ]
        log = self._logs.setdefault(plural, _Log())
        watch = TurnWatch(log, namespace, name, missed, call)
        if missed:
            call()
        return watch

    def _hear(self, turned: Sequence[Turned]) -> None:
        of_plural: defaultdict[str, list[Turned]] = defaultdict(list)
        for each in turned:
            of_plural[each.key.plural].append(each)
        for plural, several in of_plural.items():
            log = self._logs.get(plural)
            if log is not None and log.watches:
                log.add(several)
            else:
                self._logs.pop(plural, None)


class _Log:
    """The turns of one kind, which all its watches read, each at its own place."""

    def __init__(self) -> None:
        self.turned: list[Turned] = []
        self.dropped = 0
        """How many were before the first of them."""

        self.watches: set[TurnWatch] = set()

    @property
    def end(self) -> int:
        """How many there were."""
        return self.dropped + len(self.turned)

    def add(self, turned: Sequence[Turned]) -> None:
        """Take what turned at one moment, and tell whoever covers some of it."""
        before = self.end
        self.turned += turned
        if len(self.turned) > 2 * REMEMBERED:  # in large pieces: each costs a copy of what remains
            self.dropped += len(self.turned) - REMEMBERED
            del self.turned[:-REMEMBERED]
        namespaces, names = {each.key.namespace for each in turned}, {each.key.name for each in turned}
        for watch in self.watches:
            if watch.namespace in (None, *namespaces) and watch.name in (None, *names):
                watch.call()
            elif watch.position == before:
                watch.position = self.end


class TurnWatch:
    """The turns that one watch has not told of yet."""

    def __init__(
        self, log: _Log, namespace: str | None, name: str | None, missed: Sequence[Turned], call: Callable[[], None]
    ) -> None:
        self.namespace = namespace
        self.name = name
        self.call = call
        self.position = log.end
        self._log = log
        self._missed = missed
        log.watches.add(self)

    def __bool__(self) -> bool:
        return bool(self._missed) or self.position < self._log.end

    @property
    def place(self) -> tuple[int, int] | None:
        """Watches that cover the same, and are told the same now, have the same place; None where it is this one's
        own."""
        return None if self._missed else (self.position, self._log.end)

    def take(self, told: int) -> list[Turned]:
        """What turned, of objects whose last change is told, each once; the change of the others is still to come, and
        shows it.

        ``told``: the revision up to which all changes were told. Raises Compacted for who was too slow.
        """
        if self.position < self._log.dropped:
            raise Compacted("what came into force since then is no longer known: list again and watch from there")
        found: dict[Key, int] = {}
        for key, revision in (*self._missed, *self._log.turned[self.position - self._log.dropped :]):
            if key.is_within(None, self.namespace, self.name):
                found[key] = revision
        self.skip()
        return [Turned(key, revision) for key, revision in found.items() if revision <= told]

    def skip(self) -> None:
        """All that is there has been told."""
        self._missed, self.position = (), self._log.end

    def close(self) -> None:
        """Hear no more. May be repeated."""
        self._log.watches.discard(self)
