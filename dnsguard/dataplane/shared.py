"""Things by name that several users share: there as long as somebody uses them. Pure."""

from typing import Generic, TypeVar

Item = TypeVar("Item")


class Shared(Generic[Item]):
    """Items by name. What is taken twice is given back twice; then it is gone."""

    __slots__ = ("_items", "_sorted", "_users")

    def __init__(self) -> None:
        self._items: dict[str, Item] = {}
        self._users: dict[str, int] = {}
        self._sorted: tuple[Item, ...] | None = ()

    def take(self, name: str, item: Item) -> None:
        """One more user; the first one's item stays."""
        if name in self._users:
            self._users[name] += 1
            return
        self._users[name] = 1
        self._items[name] = item
        self._sorted = None

    def give_back(self, name: str) -> None:
        """Undoes one `take`."""
        self._users[name] -= 1
        if not self._users[name]:
            del self._users[name], self._items[name]
            self._sorted = None

    def put(self, name: str, item: Item) -> None:
        """The users of the name have this item from now on."""
        self._items[name] = item
        self._sorted = None

    def sorted(self) -> tuple[Item, ...]:
        """All items in the order of their names. The same object as long as nothing changes."""
        if self._sorted is None:
            self._sorted = tuple(item for _, item in sorted(self._items.items(), key=_name))
        return self._sorted


def _name(pair: tuple[str, object]) -> str:
    return pair[0]
