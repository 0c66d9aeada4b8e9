"""A large cluster as manifests: the same seed and size give the same objects, on every machine.

Its shape is that of a cluster people run. Namespaces hold a few applications, each with many equal endpoints; most
policies are about one namespace, every fifth is about all; tiers stand above each other. How many classes, chains and
sets that comes to does not depend on the number of endpoints.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from random import Random
from typing import Any

from loadtest.rules import Drawn, rules

Manifest = dict[str, Any]

CALICO = "projectcalico.org/v3"
NODE = "node-1"
APPLICATIONS = 4
"""In each namespace."""

ROLES = ("frontend", "backend", "database", "batch")
ENVIRONMENTS = ("production", "staging", "test")
EVERY_GLOBAL = 5
"""Of so many policies one is global."""

HOSTS = 3

NET_SETS = {"small": (40, 1), "medium": (40, 10), "large": (8, 100), "huge": (3, 1_000), "feed": (1, 10_000)}
"""Size → (how many global network sets, CIDRs in each)."""

LARGEST = "nets-feed-0"
"""The set of most CIDRs; the first policy, a global one, denies it."""

DOMAIN_SETS = 40
DOMAINS = 25
"""In each set of domains."""

_FIRST_V4 = IPv4Address("10.64.0.0")
_FIRST_V6 = IPv6Address("fd00:10:64::")
_NETS_V4 = IPv4Address("100.64.0.0")
_NETS_V6 = IPv6Address("2001:db8::")


@dataclass(frozen=True, slots=True)
class Size:
    """How large a cluster is."""

    endpoints: int = 10_000
    policies: int = 1_000
    groups: int = 100
    """Tiers and namespaces together; a tenth of them are tiers."""

    nets: int = 10_000
    """CIDRs in the largest network set."""

    @property
    def tiers(self) -> int:
        return max(self.groups // 10, 1)

    @property
    def namespaces(self) -> int:
        return max(self.groups - self.tiers, 1)


def manifests(size: Size, seed: int = 1) -> Iterator[Manifest]:
    """All objects; what is referred to comes first."""
    random = Random(seed)
    yield from namespaces(size)
    yield from (tier(number, 100.0 * (number + 1)) for number in range(size.tiers))
    yield from profiles()
    yield from network_sets(size)
    yield from (policy(number, size, rules(random, drawn(number, size))) for number in range(size.policies))
    yield from (host(number) for number in range(HOSTS))
    yield from (endpoint(number, size) for number in range(size.endpoints))


def manifest(
    kind: str,
    name: str,
    spec: Mapping[str, Any] | None,
    namespace: str = "",
    labels: Mapping[str, str] | None = None,
) -> Manifest:
    """The envelope around a spec."""
    metadata: Manifest = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    if labels:
        metadata["labels"] = dict(labels)
    version = "v1" if kind == "Namespace" else CALICO
    found: Manifest = {"apiVersion": version, "kind": kind, "metadata": metadata}
    return found if spec is None else {**found, "spec": dict(spec)}


def namespace_name(number: int) -> str:
    return f"team-{number}"


def namespace(number: int, environment: str) -> Manifest:
    labels = {"environment": environment, "division": f"division-{number % 7}"}
    return manifest("Namespace", namespace_name(number), None, labels=labels)


def namespaces(size: Size) -> Iterator[Manifest]:
    return (namespace(number, ENVIRONMENTS[number % 3]) for number in range(size.namespaces))


def tier_name(number: int) -> str:
    return f"tier-{number}"


def tier(number: int, order: float) -> Manifest:
    """Every other one lets a packet that nobody decided go on."""
    action = "Pass" if number % 2 else "Deny"
    return manifest("Tier", tier_name(number), {"order": order, "defaultAction": action})


def profiles() -> Iterator[Manifest]:
    """Written ones, which bring a label."""
    for role in ROLES:
        spec = {"ingress": [{"action": "Allow"}], "egress": [{"action": "Allow"}], "labelsToApply": {"role": role}}
        yield manifest("Profile", f"role-{role}", spec)


def nets(first: int, count: int, offset: int = 0) -> list[str]:
    """CIDRs that are apart from each other, a fifth of them IPv6; another ``offset`` below 16 gives others."""
    found = []
    for number in range(first, first + count):
        if number % 5 == 4:
            found.append(f"{_NETS_V6 + ((number * 16 + offset) << 64)}/64")
        else:
            found.append(f"{_NETS_V4 + number * 32 + offset % 2 * 16}/28")
    return found


def net_set(label: str, number: int, members: list[str]) -> Manifest:
    name = f"nets-{label}-{number}"
    return manifest("GlobalNetworkSet", name, {"nets": members}, labels={"nets": label, "list": name})


def domain_set(number: int, extra: tuple[str, ...] = ()) -> Manifest:
    name = f"domains-{number}"
    found = [f"host-{index}.site-{number}.example.org" for index in range(DOMAINS - 1)]
    spec = {"allowedEgressDomains": [*found, f"*.cdn-{number}.example.net", *extra]}
    return manifest("GlobalNetworkSet", name, spec, labels={"domains": "partner", "list": name})


def network_sets(size: Size) -> Iterator[Manifest]:
    """Global ones of CIDRs and of domains, and one of both in every namespace."""
    first = 0
    for label, (count, members) in NET_SETS.items():
        for number in range(count):
            yield net_set(label, number, nets(first, min(members, size.nets)))
            first += members
    yield from (domain_set(number) for number in range(DOMAIN_SETS))
    for number in range(size.namespaces):
        spec = {"nets": nets(first + number * 8, 8), "allowedEgressDomains": [f"*.team-{number}.example.com"]}
        yield manifest("NetworkSet", "partners", spec, namespace_name(number), {"nets": "partners"})


def drawn(number: int, size: Size) -> Drawn:
    """What the rules of this policy may speak of."""
    return Drawn(
        applications=tuple(application_name(each) for each in range(APPLICATIONS)),
        roles=ROLES,
        environments=ENVIRONMENTS,
        sets=tuple(f"nets-{label}-{each}" for label, (count, _) in NET_SETS.items() for each in range(count)),
        domain_sets=DOMAIN_SETS,
        in_namespace=bool(number % EVERY_GLOBAL),
        is_last=not number % size.tiers,
        blocked="" if number else LARGEST,
    )


def policy_namespace(number: int, size: Size) -> str:
    """Empty for a global one."""
    return namespace_name(number % size.namespaces) if number % EVERY_GLOBAL else ""


def policy(number: int, size: Size, made: tuple[list[Manifest], list[Manifest]], selector: str = "") -> Manifest:
    """The policy of this number with these rules (ingress, egress), in its own selector's place perhaps another."""
    turn = number // EVERY_GLOBAL
    spec: Manifest = {
        "tier": tier_name(turn % size.tiers),
        "order": float(number),
        "types": ["Ingress", "Egress"] if number % 3 == 0 else ["Egress"],
        "egress": made[1],
    }
    if number % 3 == 0:
        spec["ingress"] = made[0]
    if number % EVERY_GLOBAL:
        application = application_name(number % APPLICATIONS)
        spec["selector"] = selector or ("all()" if number % 7 == 0 else f"app == '{application}'")
        return manifest("NetworkPolicy", f"policy-{number}", spec, policy_namespace(number, size))
    spec["selector"] = selector or f"role == '{ROLES[turn % len(ROLES)]}'"
    spec["namespaceSelector"] = f"environment == '{ENVIRONMENTS[turn % 3]}' && division == 'division-{turn % 7}'"
    return manifest("GlobalNetworkPolicy", f"policy-{number}", spec)


def host(number: int) -> Manifest:
    spec = {"node": NODE, "interfaceName": f"eth{number}", "profiles": ["role-batch"]}
    return manifest("HostEndpoint", f"host-{number}", spec, labels={"host": "yes"})


def application_name(number: int) -> str:
    return f"app-{number}"


def endpoint(number: int, size: Size, address: int | None = None, application: int | None = None) -> Manifest:
    """A workload on this node; in place of its own perhaps another address or application of its namespace."""
    team = namespace_name(number % size.namespaces)
    turn = number // size.namespaces % APPLICATIONS
    app = application_name(turn if application is None else application)
    place = 2 + (number if address is None else address)
    spec = {
        "node": NODE,
        "workload": f"{app}-{number}",
        "interfaceName": f"cali{number:x}",
        "serviceAccountName": app,
        "ipNetworks": [f"{_FIRST_V4 + place}/32", f"{_FIRST_V6 + place}/128"],
        "profiles": [f"kns.{team}", f"ksa.{team}.{app}", f"role-{ROLES[turn]}"],
        "ports": [{"name": "http", "protocol": "TCP", "port": 8080}, {"name": "metrics", "protocol": "TCP", "port": 9}],
    }
    return manifest("WorkloadEndpoint", f"endpoint-{number}", spec, team, {"app": app, "track": f"track-{number % 3}"})
