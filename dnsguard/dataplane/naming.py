"""What counters, chains and sets are called. Pure.

Everything starts with the kind of thing it is, so that no name is a keyword of nft's grammar, and ends with a hash
only where the readable part was cut or altered, or where the name stands for content (chains).
"""

import hashlib
import re
from base64 import b32encode

from dnsguard.calc.compiled import CompiledPolicy, Direction, PolicyId, RuleOwner

LONGEST = 127
LABEL_LONGEST = 40

_SHORT_KINDS = {
    "NetworkPolicy": "np",
    "GlobalNetworkPolicy": "gnp",
    "StagedNetworkPolicy": "snp",
    "StagedGlobalNetworkPolicy": "sgnp",
    "KubernetesNetworkPolicy": "knp",
    "StagedKubernetesNetworkPolicy": "sknp",
}
_FOREIGN = re.compile(r"[^A-Za-z0-9_.-]")
_UNPRINTABLE = re.compile(r"[^ !#-~]")


def digest(content: str) -> str:
    """60 bits of hash as 12 characters."""
    return b32encode(hashlib.blake2b(content.encode(), digest_size=10).digest())[:12].decode().lower()


def identifier(name: str) -> str:
    """``name`` where nft can read it as it stands; else readable, cut, and with a hash of the whole."""
    if len(name) <= LONGEST and not _FOREIGN.search(name):
        return name
    return f"{_FOREIGN.sub('-', name)[: LONGEST - 13]}-{digest(name)}"


def comment(text: str) -> str:
    """``text`` as an nft comment: no double quotes, nothing outside printable ASCII, 120 characters at most."""
    return _UNPRINTABLE.sub("?", text.replace('"', "'"))[:120]


def short_name(policy: PolicyId) -> str:
    """``np-namespace.name`` or ``gnp-name``. A namespace has no dot, so this is unambiguous."""
    kind = _SHORT_KINDS.get(policy.kind, policy.kind.lower())
    return f"{kind}-{policy.namespace}.{policy.name}" if policy.namespace else f"{kind}-{policy.name}"


def counter_of(policy: PolicyId, direction: Direction, index: int) -> str:
    """The counter of one rule of a policy; stays the same while the policy's chain is replaced."""
    return identifier(f"{short_name(policy)}-{direction}-{index}")


def counter_of_profile(profile: str, direction: Direction, index: int) -> str:
    """The counter of one rule of a profile."""
    return identifier(f"profile-{profile}-{direction}-{index}")


def counter_of_rule(owner: RuleOwner, direction: Direction, index: int) -> str:
    """The counter of one rule of a policy or profile."""
    if isinstance(owner, CompiledPolicy):
        return counter_of(owner.id, direction, index)
    return counter_of_profile(owner.name, direction, index)


def counter_of_tier(tier: str, direction: Direction) -> str:
    """The counter of packets that a tier's default action dropped."""
    return identifier(f"tier-{tier}-{direction}-end")


def counter_of_no_profile(direction: Direction) -> str:
    """The counter of packets that every tier passed and no profile decided."""
    return f"no-profile-{direction}"


def counter_of_unknown_workload(direction: Direction) -> str:
    """The counter of packets from (egress) or to (ingress) a workload that is no known endpoint."""
    return f"unknown-workload-{direction}"


COUNTER_WORKLOAD_TO_HOST = "workload-to-host"
"""The counter of packets that workloads sent to their own node and that nothing there accepts."""

COUNTER_SPOOFED = "spoofed-source"
"""The counter of packets that a workload sent with an address that is not its own."""

COUNTER_UNCHECKED = "unchecked-port"
"""The counter of packets from a bridge with workloads that came by no port that was looked at."""

COUNTER_UNJUDGED = "bridged-past-policy"
"""The counter of packets between ports of a bridge that no policy was asked about, or can be."""

COUNTER_UNKNOWN_FRAME = "unknown-frame"
"""The counter of frames from and to workloads that carry neither IP nor ARP, or bear a VLAN tag."""

COUNTER_ENCAPSULATED = "encapsulated-from-workload"
"""The counter of packets in which a workload wrapped others."""

COUNTER_INVALID = "invalid-connection-state"
"""The counter of packets that belong to no connection and cannot start one."""

COUNTER_NO_FORWARDER = "no-forwarder"
"""The counter of intercepted DNS packets that no forwarder was there to take."""

COUNTER_UNROUTED = "intercepted-unrouted"
"""The counter of DNS packets of the node that would have left, though they were to be intercepted."""


COUNTER_FAILED_OPEN = "failed-open"
"""The counter of packets that passed because nobody was alive to judge, once for each base chain on their way."""

ALIVE_SET = "alive"
"""The packet families of which somebody is alive to judge; see `deadman`."""

COUNTER_REVOKED = "revoked-packets"
"""The counter of packets of connections that policy allowed once and denied since, on their way back."""

COUNTER_CUT = "revoked-connections"
"""The counter of connections that policy allowed once, when it denies the first packet."""

JUDGED_CHAIN = "judged"
"""The chain that notes in connections which revision of policy allowed them."""


def share_set_name(direction: Direction, per_second: int) -> str:
    """What each interface had of the log of denied packets. An interface keeps the limit that it was given first, so
    another limit is another set."""
    return f"denied-{direction}-{per_second}"


def lease_set_names(lease_set_id: str) -> tuple[str, str]:
    """The kernel sets (client . destination) of one lease set, IPv4 and IPv6."""
    return _set_name("d4", lease_set_id), _set_name("d6", lease_set_id)


def member_set_name(member_set_id: str, family: int, variant: str = "") -> str:
    """``variant``: tells those apart that have the same identifier and little else in common."""
    return _set_name(f"n{family}", f"{member_set_id}.{variant}" if variant else member_set_id)


def port_set_name(port_set_id: str, family: int) -> str:
    return _set_name(f"p{family}", port_set_id)


def nets_set_name(content: str, family: int) -> str:
    """The set of the CIDRs of one list in a rule; equal lists share it."""
    return f"c{family}-{digest(content)}"


def ports_set_name(content: str) -> str:
    return f"ports-{digest(content)}"


def _set_name(prefix: str, set_id: str) -> str:
    return identifier(f"{prefix}-{set_id.removeprefix('s:')}")


def is_lease_set(name: str) -> bool:
    """Whether a kernel set of this name holds leases, which only the forwarder writes."""
    return name.startswith(("d4-", "d6-"))


def chain_name(label: str, content: str) -> str:
    """The name of a chain with this content; equal content is the same chain."""
    return f"{_FOREIGN.sub('-', label)[:LABEL_LONGEST]}-{digest(label + chr(0) + content)}"
