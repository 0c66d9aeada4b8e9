"""Policy as it is in force and as it would be with what is staged: made once for all who ask about one state of it."""

import asyncio

from dnsguard.controller.desired import Desired
from dnsguard.controller.explain.pending import PendingPolicy
from dnsguard.controller.explain.policystate import PolicyState
from dnsguard.dataplane.rules import Plan


class PolicyStates:
    """Belongs to one event loop; what takes long is done in a thread."""

    def __init__(self) -> None:
        self._pending = PendingPolicy()
        self._states: tuple[Desired[Plan], PolicyState, PolicyState | None] | None = None
        self._making = asyncio.Lock()

    async def of(self, enforced: Desired[Plan]) -> tuple[PolicyState, PolicyState | None]:
        """As it is in force, and as it would be; None where nothing is staged."""
        async with self._making:
            return await asyncio.to_thread(self._of, enforced)

    def _of(self, enforced: Desired[Plan]) -> tuple[PolicyState, PolicyState | None]:
        if self._states is None or self._states[0] is not enforced:
            state = PolicyState(enforced.compiled, enforced.resources)
            self._states = enforced, state, self._pending.state(state)
        return self._states[1], self._states[2]
