"""What enforcement has to say of single objects. Warnings begin with whom they are about, and a colon."""

from collections import defaultdict
from itertools import chain
from typing import Final

from dnsguard.controller.desired import Desired
from dnsguard.dataplane.rules import Plan
from dnsguard.resources import HostEndpoint, Resource, WorkloadEndpoint
from dnsguard.store.interface import Key

NOT_ENFORCED: Final = "not enforced"
"""What a warning of an object begins or ends with that has no effect at all."""


class ObjectWarnings:
    """The warnings of what is in force, by their objects; sorted anew only where they are others."""

    def __init__(self) -> None:
        self._seen: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
        self._said: dict[str, list[str]] = {}

    def of(self, key: Key, model: type[Resource], enforced: Desired[Plan]) -> tuple[str, ...]:
        """What there is to say of an object."""
        of_policy, of_plan = enforced.compiled.warnings, enforced.plan.warnings
        if self._seen[0] is not of_policy or self._seen[1] is not of_plan:
            self._seen = of_policy, of_plan
            said: defaultdict[str, list[str]] = defaultdict(list)
            for line in chain(of_policy, of_plan):
                whom, _, what = line.partition(": ")
                said[whom].append(what)
            self._said = dict(said)
        if not self._said:
            return ()
        return tuple(line for name in _names(key, model) for line in self._said.get(name, ()))


def is_without_effect(warning: str) -> bool:
    """Whether the object of a warning has no effect at all."""
    return warning.startswith(NOT_ENFORCED) or warning.endswith(NOT_ENFORCED)


def _names(key: Key, model: type[Resource]) -> tuple[str, ...]:
    """An object as warnings call it."""
    if model is WorkloadEndpoint:
        name = f"{key.namespace}/{key.name}"
        return f"WorkloadEndpoint {name}", name
    if model is HostEndpoint:
        return f"HostEndpoint {key.name}", key.name
    return ("/".join(filter(None, (model.__name__, key.namespace, key.name))),)
