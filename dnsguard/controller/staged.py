"""Policy as it would be if what is staged were enforced. Nothing that comes of it is ever enforced."""

from dnsguard.calc.compile import compile_policy
from dnsguard.calc.staging import View
from dnsguard.controller.world import World
from dnsguard.resources import StagedGlobalNetworkPolicy, StagedKubernetesNetworkPolicy, StagedNetworkPolicy

STAGED = (StagedNetworkPolicy, StagedGlobalNetworkPolicy, StagedKubernetesNetworkPolicy)


def pending_world(world: World) -> World | None:
    """None where nothing is staged. Takes as long as any compilation."""
    if not any(isinstance(resource, STAGED) for resource in world.written.resources):
        return None
    view = View.PENDING
    return World(compile_policy(world.written.resources, view=view), world.written.resources, view)
