"""Keys of a set that several things ask for. Pure."""

from collections.abc import Iterable


class Tally:
    """How often each key is asked for."""

    __slots__ = ("_counts", "_keys")

    def __init__(self) -> None:
        self._counts: dict[bytes, int] = {}
        self._keys: frozenset[bytes] | None = frozenset()

    def add(self, keys: Iterable[bytes]) -> None:
        for key in keys:
            count = self._counts.get(key, 0)
            self._counts[key] = count + 1
            if not count:
                self._keys = None

    def remove(self, keys: Iterable[bytes]) -> None:
        """Undoes one `add`."""
        for key in keys:
            count = self._counts[key] - 1
            if count:
                self._counts[key] = count
            else:
                del self._counts[key]
                self._keys = None

    def keys(self) -> frozenset[bytes]:
        """The keys. The same object as long as nothing changes."""
        if self._keys is None:
            self._keys = frozenset(self._counts)
        return self._keys
