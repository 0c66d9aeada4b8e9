"""Resources in, compiled policy out: everything that a verdict depends on besides the packet and what DNS taught."""

from collections.abc import Iterable

from dnsguard.calc.calculation import Calculation
from dnsguard.calc.compiled import Compiled
from dnsguard.resources import Resource


def compile_policy(resources: Iterable[Resource]) -> Compiled:
    """What a node enforces, from all resources there are.

    The result depends on the resources alone, not on their order. What refers to something that is missing fails
    closed: an unknown profile denies, a policy without its tier waits for it (and says so in `warnings`).
    """
    return Calculation(resources).compiled


class Compiler:
    """`compile_policy` for one caller that asks again and again: it keeps what did not change.

    Resources that are the same objects as last time are taken to be unchanged. Endpoints that come and go cost
    milliseconds; other changes are calculated from scratch.
    """

    def __init__(self) -> None:
        self._calculation: Calculation | None = None
        self._resources: dict[int, Resource] = {}
        """By identity of the object; held here, so that no other object can take its place in memory."""

        self.from_scratch = 0
        """How often everything was calculated."""

    def compile(self, resources: Iterable[Resource]) -> Compiled:
        """Equal to `compile_policy(resources)`."""
        current = {id(resource): resource for resource in resources}
        gone = [self._resources[key] for key in self._resources.keys() - current.keys()]
        new = [current[key] for key in current.keys() - self._resources.keys()]
        self._resources = current
        calculation = self._calculation
        # Until the new state stands there is none: a calculation that was left half-way must not be continued.
        self._calculation = None
        if calculation is None or not calculation.follow(gone, new):
            calculation = Calculation(current.values())
            self.from_scratch += 1
        self._calculation = calculation
        return calculation.compiled
