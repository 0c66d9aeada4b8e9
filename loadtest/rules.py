"""Rules of every kind, drawn for a policy."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

Rule = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Drawn:
    """What the rules of one policy may speak of."""

    applications: tuple[str, ...]
    roles: tuple[str, ...]
    environments: tuple[str, ...]
    sets: tuple[str, ...]
    domain_sets: int
    in_namespace: bool
    """Of a namespace, or for all of them."""

    is_last: bool
    """Whether it ends with Pass: what it does not decide is the next tier's."""

    blocked: str = ""
    """A set that its first rule denies."""


def rules(random: Random, drawn: Drawn) -> tuple[list[Rule], list[Rule]]:
    """Two to five rules in each direction: ingress, egress."""
    ingress = [random.choice(_INGRESS)(random, drawn) for _ in range(random.randint(2, 5))]
    egress = [random.choice(_EGRESS)(random, drawn) for _ in range(random.randint(2, 5))]
    if drawn.blocked:
        egress.insert(0, {"action": "Deny", "destination": _set_named(drawn.blocked)})
    if drawn.is_last:
        egress[-1] = {"action": "Pass"}
    return ingress, egress


def _ports(random: Random) -> list[int | str]:
    return random.choice([[443], [80, 443], [5432], ["8000:8100"], [53], [6379, "6380:6390"]])


def _peer(random: Random, drawn: Drawn) -> Rule:
    if drawn.in_namespace:
        return {"selector": f"app == '{random.choice(drawn.applications)}'"}
    return {
        "selector": f"role == '{random.choice(drawn.roles)}'",
        "namespaceSelector": f"environment == '{random.choice(drawn.environments)}'",
    }


def _set_named(name: str) -> Rule:
    return {"selector": f"list == '{name}'", "namespaceSelector": "global()"}


def _to_peer(random: Random, drawn: Drawn) -> Rule:
    return {"action": "Allow", "protocol": "TCP", "destination": {**_peer(random, drawn), "ports": _ports(random)}}


def _from_peer(random: Random, drawn: Drawn) -> Rule:
    return {"action": "Allow", "protocol": "TCP", "source": _peer(random, drawn), "destination": {"ports": ["http"]}}


def _to_named_port(random: Random, drawn: Drawn) -> Rule:
    return {"action": "Allow", "protocol": "TCP", "destination": {**_peer(random, drawn), "ports": ["metrics"]}}


def _to_set(random: Random, drawn: Drawn) -> Rule:
    action = random.choice(["Allow", "Deny"])
    return {"action": action, "destination": _set_named(random.choice(drawn.sets))}


def _to_partners(random: Random, drawn: Drawn) -> Rule:
    """Nets and domains in one set."""
    if not drawn.in_namespace:
        return _to_domain_set(random, drawn)
    destination = {"selector": "nets == 'partners'", "ports": [443]}
    return {"action": "Allow", "protocol": "TCP", "destination": destination}


def _to_domain_set(random: Random, drawn: Drawn) -> Rule:
    name = f"domains-{random.randrange(drawn.domain_sets)}"
    return {"action": "Allow", "protocol": "TCP", "destination": {**_set_named(name), "ports": [443]}}


def _to_domains(random: Random, drawn: Drawn) -> Rule:
    number = random.randrange(drawn.domain_sets)
    destination = {"domains": [f"api-{number}.example.com", f"*.files-{number}.example.com"], "ports": _ports(random)}
    return {"action": "Allow", "protocol": "TCP", "destination": destination}


def _to_nets(random: Random, drawn: Drawn) -> Rule:
    number = random.randrange(drawn.domain_sets)
    if random.random() < 0.5:
        ends = {"nets": [f"192.0.2.{number * 4}/30", "198.51.100.0/24"], "notNets": [f"192.0.2.{number * 4}/32"]}
    else:
        ends = {"nets": [f"2001:db8:{number:x}::/48"]}
    return {"action": "Allow", "protocol": "TCP", "destination": {**ends, "ports": _ports(random)}}


def _to_service_account(random: Random, drawn: Drawn) -> Rule:
    accounts = {"names": [random.choice(drawn.applications)]}
    return {"action": "Deny", "protocol": "UDP", "destination": {"serviceAccounts": accounts, "ports": _ports(random)}}


def _not_to_peer(random: Random, drawn: Drawn) -> Rule:
    chosen = random.choice(drawn.applications)
    destination = {"selector": f"has(app) && app != '{chosen}'", "notPorts": _ports(random)}
    return {"action": "Deny", "protocol": "TCP", "destination": destination}


def _ping(random: Random, drawn: Drawn) -> Rule:  # noqa: ARG001 - as the others
    return {"action": "Allow", "ipVersion": 4, "protocol": "ICMP", "icmp": {"type": random.choice([0, 8])}}


_Drawing = Callable[[Random, Drawn], Rule]
_INGRESS: tuple[_Drawing, ...] = (_from_peer, _from_peer, _ping)
_EGRESS: tuple[_Drawing, ...] = (
    _to_peer,
    _to_peer,
    _to_named_port,
    _to_set,
    _to_partners,
    _to_domain_set,
    _to_domains,
    _to_nets,
    _to_service_account,
    _not_to_peer,
    _ping,
)
