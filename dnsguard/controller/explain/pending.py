"""Policy as it would be if what is staged were enforced. Nothing that comes of it is ever enforced."""

from dnsguard.calc.compile import Compiler
from dnsguard.calc.staging import View
from dnsguard.controller.explain.policystate import PolicyState
from dnsguard.resources import StagedGlobalNetworkPolicy, StagedKubernetesNetworkPolicy, StagedNetworkPolicy

STAGED = (StagedNetworkPolicy, StagedGlobalNetworkPolicy, StagedKubernetesNetworkPolicy)


class PendingPolicy:
    """Follows what would be in force. One call at a time."""

    def __init__(self) -> None:
        self._compiler = Compiler(View.PENDING)

    def state(self, enforced: PolicyState) -> PolicyState | None:
        """None where nothing is staged. A first call takes as long as any compilation, others what has changed."""
        resources = enforced.written.resources
        if not any(isinstance(resource, STAGED) for resource in resources):
            return None
        return PolicyState(self._compiler.compile(resources), resources, View.PENDING)
