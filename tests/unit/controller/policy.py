"""Small compiled policies, written by hand."""

from ipaddress import ip_address

from dnsguard.calc.compiled import (
    Action,
    Address,
    Compiled,
    CompiledEndpoint,
    CompiledPolicy,
    CompiledRule,
    Direction,
    EndpointId,
    EntityMatch,
    LeaseSet,
    PolicyClass,
    PolicyId,
    Stage,
    TierSlice,
)
from dnsguard.domains import DomainPattern

POLICY = PolicyId("NetworkPolicy", "shop", "names")
LEASES = LeaseSet("s:names", "a list of domains", frozenset({DomainPattern.parse("*.Example.org")}))


def policy_class(direction: Direction, *policies: PolicyId) -> PolicyClass:
    tiers = (TierSlice("default", Action.DENY, policies),) if policies else ()
    return PolicyClass(direction, Stage.NORMAL, tiers, ())


def endpoint(name: str, *addresses: str, kind: str = "WorkloadEndpoint", node: str = "") -> CompiledEndpoint:
    found: list[Address] = [ip_address(address) for address in addresses]
    return CompiledEndpoint(
        EndpointId(kind, "shop" if kind == "WorkloadEndpoint" else "", name),
        node,
        "cali1",
        tuple(found),
        {"app": name},
        {
            (Stage.NORMAL, Direction.EGRESS): policy_class(Direction.EGRESS, POLICY),
            (Stage.NORMAL, Direction.INGRESS): policy_class(Direction.INGRESS),
        },
    )


def compiled(*endpoints: CompiledEndpoint, source: EntityMatch | None = None) -> Compiled:
    """One policy: Allow to the lease set, from ``source`` only where that is given."""
    rule = CompiledRule(0, Action.ALLOW, source=source or EntityMatch(), destination=EntityMatch(leases=LEASES.id))
    return Compiled(
        endpoints={each.id: each for each in endpoints},
        policies={POLICY: CompiledPolicy(POLICY, "default", egress=(rule,))},
        lease_sets={LEASES.id: LEASES},
    )
