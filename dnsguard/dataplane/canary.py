"""The canary: what a workload endpoint is to the kernel, and belongs to nobody. The forwarder proves by it that the
table enforces. Pure.

::

    client ─► map ─► class ─► policy: allow what is leased ─► else end of tier: deny      egress
    target ─► map ─► class ─► policy: allow the client ─► else end of tier: deny          ingress

It stands beside compiled policy, not among the resources: no selector meets it, it is member of no set, no list of the
API and no forwarder's snapshot has it. Both its addresses are an endpoint's, which comes by an interface of its own: a
packet of a workload with one of them is a spoofed one, and what a workload sends there is denied.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_network

from dnsguard.calc.compiled import (
    Action,
    Compiled,
    CompiledEndpoint,
    CompiledPolicy,
    CompiledRule,
    Direction,
    EndpointId,
    EntityMatch,
    LeaseSet,
    Network,
    PolicyClass,
    PolicyId,
    Stage,
    TierSlice,
)
from dnsguard.dataplane import naming
from dnsguard.netlink.linkmessages import Road

TIER = "_canary"
"""No name that a tier of Kubernetes' could have; so with the lease set and the endpoint."""

LEASES = "_canary"
POLICY = PolicyId("Canary", "", "self-test")
ENDPOINT = EndpointId("WorkloadEndpoint", "", "_canary")

ALLOWED_OUT = naming.counter_of(POLICY, Direction.EGRESS, 0)
"""The counter of packets that the client may send, by its lease."""

ALLOWED_IN = naming.counter_of(POLICY, Direction.INGRESS, 0)
"""The counter of packets that the target takes."""

DENIED_IN = naming.counter_of_tier(TIER, Direction.INGRESS)
"""The counter of packets that others sent to the canary."""

DENIED_OUT = naming.counter_of_tier(TIER, Direction.EGRESS)
"""The counter of packets that the client may not send."""


PASSED = "canary-passed"
"""The counter of its packets that passed all of our forward hooks. What others drop behind them was enforced all the
same: beside Docker, which drops what it does not know, nothing else could be seen."""


@dataclass(frozen=True, slots=True)
class Canary:
    """Where the canary is. Hashable."""

    interface: str
    """By which its packets come and go."""

    peer: str
    """The other end of that."""

    nets: tuple[Network, ...]
    """One of each family at most, of four addresses or more."""

    def roads(self) -> tuple[Road, ...]:
        """Who sends to whom, IPv4 first."""
        return tuple(Road(net[1], net[2]) for net in sorted(self.nets, key=lambda net: net.version))


def lease_set(family: int) -> str:
    """The kernel set of (client . target)."""
    return naming.lease_set_names(LEASES)[family == 6]


class CanaryPolicy:
    """The canary's part of compiled policy: the same objects each time."""

    def __init__(self, canary: Canary) -> None:
        clients, targets = zip(*canary.roads(), strict=True)
        leased = CompiledRule(0, Action.ALLOW, destination=EntityMatch(leases=LEASES))
        from_client = CompiledRule(0, Action.ALLOW, source=EntityMatch(nets=tuple(map(ip_network, clients))))
        tiers = (TierSlice(TIER, Action.DENY, (POLICY,)),)
        self._policies: Mapping[PolicyId, CompiledPolicy] = {
            POLICY: CompiledPolicy(POLICY, TIER, ingress=(from_client,), egress=(leased,))
        }
        self._lease_sets: Mapping[str, LeaseSet] = {LEASES: LeaseSet(LEASES, "the self-test's target", frozenset())}
        endpoint = CompiledEndpoint(
            id=ENDPOINT,
            node="",
            interface=canary.interface,
            addresses=(*clients, *targets),
            labels={},
            classes={
                (Stage.NORMAL, direction): PolicyClass(direction, Stage.NORMAL, tiers, ()) for direction in Direction
            },
        )
        self._endpoints: Mapping[EndpointId, CompiledEndpoint] = {ENDPOINT: endpoint}

    def beside(self, compiled: Compiled) -> Compiled:
        """Both."""
        return replace(
            compiled,
            endpoints={**compiled.endpoints, **self._endpoints},
            policies={**compiled.policies, **self._policies},
            lease_sets={**compiled.lease_sets, **self._lease_sets},
        )
