"""What changed between two lists of resources."""

from collections.abc import Iterable
from operator import itemgetter
from typing import NamedTuple

from dnsguard.resources import Resource

_Key = tuple[str, str, str]


class Change(NamedTuple):
    """One object: as it was and as it is, None where there is none. The two are not equal."""

    before: Resource | None
    after: Resource | None


class Follower:
    """Compares each list of resources with the one before; the first with an empty one.

    Resources that are the same objects are taken to be unchanged, so a comparison costs next to nothing. Holding them
    keeps other objects from taking their place in memory.
    """

    def __init__(self) -> None:
        self._by_object: dict[int, Resource] = {}
        self._by_key: dict[_Key, Resource] = {}

    def changes(self, resources: Iterable[Resource]) -> list[Change]:
        """What changed, an object replaced by an equal one left out.

        Raises ValueError where one object of a kind, namespace and name is there twice.
        """
        resources = tuple(resources)
        current = dict(zip(map(id, resources), resources, strict=True))
        left = map(self._by_object.__getitem__, self._by_object.keys() - current.keys())
        came = map(current.__getitem__, current.keys() - self._by_object.keys())
        gone = {_key(each): each for each in left}
        for key in gone:
            del self._by_key[key]
        changes = []
        # Sorted, so that nothing depends on the order in which they were given.
        for key, each in sorted(((_key(each), each) for each in came), key=itemgetter(0)):
            if key in self._by_key:
                raise ValueError(f"{key[0]} {key[1]}/{key[2]} is there twice")
            self._by_key[key] = each
            before = gone.pop(key, None)
            if before != each:
                changes.append(Change(before, each))
        changes += (Change(before, None) for before in gone.values())
        self._by_object = current
        return changes


def _key(resource: Resource) -> _Key:
    # The class, since two groups have a kind NetworkPolicy.
    return type(resource).__name__, resource.namespace, resource.name
