"""What watches are told besides changes: objects whose status turned."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from api.statuses import Statuses, Turned
from dnsguard.store.interface import Key


class Turns:
    """Hears of every turn once and tells the watches that cover it. Belongs to one event loop."""

    def __init__(self, statuses: Statuses) -> None:
        self._statuses = statuses
        self._watches: defaultdict[str, set[TurnWatch]] = defaultdict(set)
        """Plural → who covers it; none for what nobody covers."""

        statuses.follow(self._hear)

    def watch(
        self, plural: str, namespace: str | None, name: str | None, *, since: int, call: Callable[[], None]
    ) -> "TurnWatch":
        """What turns from now on, and what did after somebody may have read revision ``since``; to be closed.

        ``call`` is called, at once, when there is something to take. Raises Compacted.
        """
        watch = TurnWatch(namespace, name, call, lambda: self._drop(plural, watch))
        watch.offer(self._statuses.turned_since(since, plural))
        self._watches[plural].add(watch)
        return watch

    def _drop(self, plural: str, watch: "TurnWatch") -> None:
        watches = self._watches[plural]
        watches.discard(watch)
        if not watches:
            del self._watches[plural]

    def _hear(self, turned: Sequence[Turned]) -> None:
        if not self._watches:
            return
        of_plural: defaultdict[str, list[Turned]] = defaultdict(list)
        for each in turned:
            if each.key.plural in self._watches:
                of_plural[each.key.plural].append(each)
        for plural, several in of_plural.items():
            for watch in self._watches[plural]:
                watch.offer(several)


class TurnWatch:
    """The turns that one watch has not told of yet: one of each object at most, however slow its reader is."""

    def __init__(
        self, namespace: str | None, name: str | None, call: Callable[[], None], close: Callable[[], None]
    ) -> None:
        self._namespace = namespace
        self._name = name
        self._call = call
        self._close = close
        self._turned: dict[Key, int] = {}

    def __bool__(self) -> bool:
        return bool(self._turned)

    def offer(self, turned: Iterable[Turned]) -> None:
        found = [each for each in turned if each.key.is_within(None, self._namespace, self._name)]
        if found:
            self._turned.update(found)
            self._call()

    def take(self, told: int) -> list[Turned]:
        """What turned, of objects whose last change is told; the change of the others is still to come, and shows it.

        ``told``: the revision up to which all changes were told.
        """
        turned, self._turned = self._turned, {}
        return [Turned(key, revision) for key, revision in turned.items() if revision <= told]

    def close(self) -> None:
        """Hear no more. May be repeated."""
        self._close()
