"""An installation for packets: every endpoint has ten policies of three rules, and only the very last rule allows.

A policy stands at one of ten places. At each place there are as many as there are variants, and an endpoint's labels
say which of them it has: with a hundred variants there can be ten thousand lists of ten policies, no two alike, of a
thousand policies in all.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address

from loadtest.cluster import Manifest, manifest
from loadtest.flood import PORT

PLACES = 10
"""Policies of each endpoint."""

RULES = 3
"""Of each policy."""

INTERFACE = "cali0"
TARGET = IPv4Address("198.51.100.10")
FIRST = IPv4Address("10.64.0.2")


@dataclass(frozen=True, slots=True)
class Layers:
    """How large it is."""

    endpoints: int
    classes: int = 10
    """Distinct lists of policies."""

    variants: int = 10
    """Policies at each place. Classes are at most their square."""

    leased: bool = False
    """Whether the rules that do not match ask for names instead of CIDRs, each in a lease set of its own."""

    protocol: str = "UDP"

    @property
    def sources(self) -> list[IPv4Address]:
        """The addresses of its endpoints."""
        return [FIRST + number for number in range(self.endpoints)]


def counter_of_last_rule(variant: int) -> str:
    """The kernel's counter of the rule that allows."""
    return f"gnp-{_policy(PLACES - 1, variant)}-egress-{RULES - 1}"


def manifests(layers: Layers) -> Iterator[Manifest]:
    """All objects; sets come first."""
    for place in range(PLACES):
        for rule in range(RULES):
            is_last = (place, rule) == (PLACES - 1, RULES - 1)
            nets = [f"{TARGET}/32"] if is_last else [f"203.0.113.{place}/32", f"192.0.2.{place * RULES + rule}/32"]
            name = f"{place}-{rule}"
            yield manifest("GlobalNetworkSet", f"list-{name}", {"nets": nets}, labels={"list": name})
    for place in range(PLACES):
        for variant in range(layers.variants):
            rules = [_rule(layers, place, variant, rule) for rule in range(RULES)]
            spec = {"selector": f"p{place} == 'v{variant}'", "order": float(place), "types": ["Egress"]}
            yield manifest("GlobalNetworkPolicy", _policy(place, variant), {**spec, "egress": rules})
    yield from (endpoint(layers, number) for number in range(layers.endpoints))


def endpoint(layers: Layers, number: int, interface: str = INTERFACE) -> Manifest:
    """Those above the number of endpoints are of the same classes."""
    spec = {"interfaceName": interface, "ipNetworks": [f"{FIRST + number}/32"]}
    return manifest("WorkloadEndpoint", f"endpoint-{number}", spec, "default", labels(layers, number))


def labels(layers: Layers, number: int) -> dict[str, str]:
    """What says which policies the endpoint of this number has."""
    high, low = divmod(number % layers.classes, layers.variants)
    return {f"p{place}": f"v{(low + place * high) % layers.variants}" for place in range(PLACES)}


def _policy(place: int, variant: int) -> str:
    return f"policy-{place}-{variant}"


def _rule(layers: Layers, place: int, variant: int, rule: int) -> Manifest:
    if layers.leased and (place, rule) != (PLACES - 1, RULES - 1):
        destination: Manifest = {"domains": [f"r{rule}.v{variant}.p{place}.example.org"], "ports": [PORT]}
    else:
        destination = {"selector": f"list == '{place}-{rule}'", "ports": [PORT]}
    return {"action": "Allow", "protocol": layers.protocol, "destination": destination}
