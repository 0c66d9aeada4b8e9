"""Keys of a set that several things ask for. Pure."""

from collections.abc import Iterable

from dnsguard.dataplane.sets import HashSet, KeyType


class Tally:
    """How often each key is asked for."""

    __slots__ = ("_counts", "_gone", "_made", "_new")

    def __init__(self, name: str, key_type: KeyType) -> None:
        self._counts: dict[bytes, int] = {}
        self._made = HashSet(name, key_type, frozenset())
        """As of the last time that somebody wanted it; what came and went since stands in the other two."""

        self._new: set[bytes] = set()
        self._gone: set[bytes] = set()

    def add(self, keys: Iterable[bytes]) -> None:
        for key in keys:
            count = self._counts.get(key, 0)
            self._counts[key] = count + 1
            if not count:
                _move(key, self._gone, self._new)

    def remove(self, keys: Iterable[bytes]) -> None:
        """Undoes one `add`."""
        for key in keys:
            count = self._counts[key] - 1
            if count:
                self._counts[key] = count
            else:
                del self._counts[key]
                _move(key, self._new, self._gone)

    def made(self) -> HashSet:
        """The set of the keys. The same object as long as nothing changes."""
        self._made = self._made.patched(self._gone, self._new)
        self._gone.clear()
        self._new.clear()
        return self._made


def _move(key: bytes, back: set[bytes], forth: set[bytes]) -> None:
    """Of what comes and goes again nothing is left to do."""
    if key in back:
        back.remove(key)
    else:
        forth.add(key)
