"""What changed between two lists of resources."""

from collections.abc import Iterable
from operator import itemgetter
from typing import NamedTuple

from dnsguard.resources import Resource
from dnsguard.span import exchanged

_Key = tuple[str, str, str]


class Change(NamedTuple):
    """One object: as it was and as it is, None where there is none. The two are not equal."""

    before: Resource | None
    after: Resource | None


class Follower:
    """Compares each list of resources with the one before; the first with an empty one.

    Resources that are the same objects are taken to be unchanged, so of those that stand where they stood nothing is
    looked at but that. Nobody has to say what changed, so nobody can forget to.
    """

    def __init__(self) -> None:
        self._resources: tuple[Resource, ...] = ()
        """Held here so that no other object can take the place of one of them in memory."""

        self._by_key: dict[_Key, Resource] = {}

    def changes(self, resources: Iterable[Resource]) -> list[Change]:
        """What changed, an object replaced by an equal one left out.

        Raises ValueError where one object of a kind, namespace and name is there twice, and is of no more use then.
        """
        resources = tuple(resources)
        left, came = exchanged(self._resources, resources)
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
        self._resources = resources
        return changes


def _key(resource: Resource) -> _Key:
    # The class, since two groups have a kind NetworkPolicy.
    return type(resource).__name__, resource.namespace, resource.name
