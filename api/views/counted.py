"""What ``GET /v1/stats`` returns: packets and bytes that policies, rules and tiers counted."""

from pydantic import Field

from dnsguard.api.views.models import View


class Count(View):
    """Packets and bytes. Policy judges the first packet of a connection, every one that is denied, and with
    ``revoke_established`` one more after each change of policy: bytes are those of these packets, not of what the
    connection carried."""

    packets: int = 0
    bytes: int = 0


class RuleCount(View):
    """What one rule matched."""

    direction: str
    """``egress`` or ``ingress``."""

    rule: int
    """Its place in the policy's list of that direction, counted from 0. Of a Kubernetes policy: of the rules that it
    comes to, one for each peer and protocol."""

    action: str
    """``Allow``, ``Deny``, ``Pass`` or ``Log``."""

    packets: int
    bytes: int


class Sums(View):
    """What rules did, by their actions. What was logged went on to the next rule, so it is counted there, too."""

    allowed: Count = Count()
    denied: Count = Count()
    passed: Count = Count()
    logged: Count = Count()


class PolicyCounts(Sums):
    """What the rules of a policy or profile did on this node since each of them is in force as it is."""

    kind: str
    """``NetworkPolicy``, ``GlobalNetworkPolicy``, ``KubernetesNetworkPolicy`` (that of networking.k8s.io) or
    ``Profile``."""

    namespace: str = ""
    name: str
    tier: str = ""
    rule_count: int
    """Rules in force on this node."""

    unmatched: int
    """Those of them that no packet has matched."""

    rules: tuple[RuleCount, ...] = ()
    """Where ``?rules=true`` asks for them."""


class TierCounts(Sums):
    """What the policies of a tier did, and what its end denied because none of them decided."""

    name: str
    policies: int
    """Policies in force on this node."""

    end_of_ingress: Count | None = None
    """None where packets pass on to the next tier, or none come here."""

    end_of_egress: Count | None = None


class StatsReport(View):
    """Answer of ``GET /v1/stats``. What selects nothing on this node has no counters and is not listed."""

    read_at: float
    """When the kernel was asked, in seconds since 1970: a second ago at most."""

    policies: tuple[PolicyCounts, ...] = ()
    """Profiles among them."""

    tiers: tuple[TierCounts, ...] = ()
    base: dict[str, Count] = Field(default_factory=dict)
    """By the names of counters: what was decided before or after all policy, as packets of unknown workloads."""
