"""Endpoints that are judged alike."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from dnsguard.calc.classes import ClassPool, classes_of
from dnsguard.calc.compiled import EndpointId, PolicyClass
from dnsguard.calc.policies import InForce
from dnsguard.calc.stages import Place


class GroupKey(NamedTuple):
    """All that decides which classes an endpoint has."""

    places: tuple[Place, ...]
    profiles: tuple[str, ...]
    policies: frozenset[InForce]
    """Those that select it, whether they judge in its places or not."""


@dataclass(eq=False, slots=True)
class Group:
    """The endpoints with one key. Only `Groups` writes to it."""

    key: GroupKey
    classes: Mapping[Place, PolicyClass]
    members: dict[EndpointId, None] = field(default_factory=dict)


class Groups:
    """Every endpoint is in one group; a group is there while it has members."""

    def __init__(self) -> None:
        self._groups: dict[GroupKey, Group] = {}
        self._of: dict[EndpointId, Group] = {}
        self._with: dict[InForce, dict[Group, None]] = {}
        self._pool = ClassPool()
        self._left: dict[Group, None] = {}
        self._regrouped: set[InForce] = set()
        """Policies of groups that an endpoint came to or left."""

    def __bool__(self) -> bool:
        """Whether there is any endpoint."""
        return bool(self._of)

    def of(self, identity: EndpointId) -> Group:
        """The group of an endpoint that is in one."""
        return self._of[identity]

    def selected_by(self, policy: InForce) -> Iterable[Group]:
        """The groups whose endpoints a policy selects."""
        return self._with.get(policy, ())

    def judges(self, policy: InForce) -> bool:
        """Whether a policy judges an endpoint somewhere."""
        return any(not policy.places.isdisjoint(group.key.places) for group in self.selected_by(policy))

    def move(self, identity: EndpointId, key: GroupKey | None) -> None:
        """Puts an endpoint into its group, and out of the one before; with None it is in none."""
        before = self._of.pop(identity, None)
        if before is not None:
            del before.members[identity]
            self._left[before] = None
            self._regrouped |= before.key.policies
        if key is not None:
            group = self._groups.get(key) or self._open(key)
            group.members[identity] = None
            self._of[identity] = group
            self._regrouped |= key.policies

    def reclass(self, policies: Iterable[InForce]) -> Iterable[EndpointId]:
        """The policies judge elsewhere, or in another order: the endpoints that have other classes now."""
        for group in dict.fromkeys(group for policy in policies for group in self.selected_by(policy)):
            now = self._pool.hold(_classes(group.key))
            if now == group.classes:
                self._pool.release(now)
            else:
                self._pool.release(group.classes)
                group.classes = now
                yield from group.members

    def sweep(self) -> set[InForce]:
        """Closes groups that all members have left. Not before all have moved: what is equal is to stay shared.

        The policies that select other endpoints than at the last sweep, or may do so.
        """
        for group in self._left:
            if not group.members:
                self._pool.release(group.classes)
                del self._groups[group.key]
                for policy in group.key.policies:
                    del self._with[policy][group]
                    if not self._with[policy]:
                        del self._with[policy]
        self._left.clear()
        regrouped, self._regrouped = self._regrouped, set()
        return regrouped

    def _open(self, key: GroupKey) -> Group:
        group = self._groups[key] = Group(key, self._pool.hold(_classes(key)))
        for policy in key.policies:
            self._with.setdefault(policy, {})[group] = None
        return group


def _classes(key: GroupKey) -> dict[Place, PolicyClass]:
    return classes_of(key.places, key.policies, key.profiles)
