"""Resources in, compiled policy out: everything that a verdict depends on besides the packet and what DNS taught."""

from collections.abc import Iterable

from dnsguard.calc.calculation import Calculation, Work
from dnsguard.calc.changes import Follower
from dnsguard.calc.compiled import Compiled
from dnsguard.calc.staging import View
from dnsguard.resources import Resource


def compile_policy(resources: Iterable[Resource], view: View = View.ENFORCED) -> Compiled:
    """What a node enforces, or would, from all resources there are; no two of one kind, namespace and name.

    The result depends on the resources alone, not on their order. What refers to something that is missing fails
    closed: an unknown profile denies, a policy without its tier waits for it (and says so in `warnings`).
    """
    return Compiler(view).compile(resources)


class Compiler:
    """`compile_policy` for one caller that asks again and again: a change costs what depends on it.

    Resources that are the same objects as last time are taken to be unchanged. What did not change in the result is the
    same object as last time, down to the result itself.
    """

    def __init__(self, view: View = View.ENFORCED) -> None:
        self._view = view
        self._state: tuple[Follower, Calculation] | None = None
        self.from_scratch = 0
        """How often everything was calculated: the first time, and after a failure."""

    def compile(self, resources: Iterable[Resource]) -> Compiled:
        """Equal to `compile_policy(resources)`."""
        state, self._state = self._state, None
        # Until the new state stands there is none: a calculation that was left half-way must not be continued.
        if state is None:
            state = (Follower(), Calculation(self._view))
            self.from_scratch += 1
        follower, calculation = state
        calculation.apply(follower.changes(resources))
        self._state = state
        return calculation.compiled

    @property
    def work(self) -> Work:
        """What was done since it was last calculated from scratch. Raises ValueError where nothing stands."""
        if self._state is None:
            raise ValueError("nothing is compiled")
        return self._state[1].work
