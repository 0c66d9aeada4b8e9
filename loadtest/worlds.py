"""Large installations of the whole program, with a first tier through which changes show on packets.

Every endpoint is judged by the tier ``witness`` first: it lets UDP packets to a few addresses pass, and leaves all
others to what the installation is about. So a packet says when an endpoint, a policy or a set is in force.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address

from loadtest import cluster, layers
from loadtest.cluster import LARGEST, Manifest, Size, manifest
from loadtest.flood import PORT
from loadtest.layers import Layers
from loadtest.witness import FIRST_TARGET

INTERFACE = "w0"
SOURCE = IPv4Address("10.67.0.2")
"""An endpoint that is always there."""

ALWAYS = FIRST_TARGET + 1
"""Where every endpoint may go."""

FEED_FROM = 100_000
"""Where the CIDRs of the largest set begin: apart from those of all others."""

TIER = "witness"


@dataclass(frozen=True, slots=True)
class World:
    """One installation, and the endpoints that are created in it."""

    name: str
    objects: Callable[[], Iterator[Manifest]]
    created: Callable[[int], Manifest]
    """The endpoint of this number, which is not among the objects."""

    nets: int
    """CIDRs of the largest set."""

    def all_objects(self) -> Iterator[Manifest]:
        """With what witnesses need; tiers and sets first."""
        yield manifest("Tier", TIER, {"order": 1.0, "defaultAction": "Pass"})
        yield self.feed(0)
        yield policy("all", [])
        yield policy("one", [])
        spec = {"node": cluster.NODE, "interfaceName": INTERFACE, "ipNetworks": [f"{SOURCE}/32"]}
        labels = {"app": "witness", "witness": "one", "track": "none"}
        yield manifest("WorkloadEndpoint", "witness", spec, "default", labels)
        yield from (each for each in self.objects() if each["metadata"]["name"] != LARGEST)

    def feed(self, turn: int, changed: int | None = None, more: tuple[IPv4Address, ...] = ()) -> Manifest:
        """The largest set with all its CIDRs others than in the turn before; or ``changed`` of them only."""
        members = cluster.nets(FEED_FROM, self.nets, offset=turn % 2)
        if changed is not None:
            others = cluster.nets(FEED_FROM, changed, offset=(turn + 1) % 2)
            members[: len(others)] = others
        return cluster.net_set("feed", 0, [*members, *(f"{each}/32" for each in more)])


def policy(which: str, more: list[IPv4Address], selector: str = "") -> Manifest:
    """Of the witness tier: ``all`` about every endpoint, ``one`` about a single one; opens these addresses, too."""
    selectors = {"all": "has(track) || has(p0)", "one": "witness == 'one'"}
    rules = [
        {
            "action": "Allow",
            "protocol": "UDP",
            "destination": {"nets": [f"{each}/32" for each in (ALWAYS, *more)], "ports": [PORT]},
        }
    ]
    if which == "all":
        ends = {"selector": f"list == '{LARGEST}'", "namespaceSelector": "global()", "ports": [PORT]}
        rules.append({"action": "Allow", "protocol": "UDP", "destination": ends})
    spec = {"tier": TIER, "selector": selector or selectors[which], "types": ["Egress"], "egress": rules}
    return manifest("GlobalNetworkPolicy", f"witness-{which}", spec)


def cluster_world(size: Size) -> World:
    """A cluster as people run: classes are as many as applications."""

    def created(number: int) -> Manifest:
        made = cluster.endpoint(size.endpoints + number, size)
        return {**made, "spec": {**made["spec"], "interfaceName": INTERFACE}}

    return World("cluster", lambda: cluster.manifests(size), created, size.nets)


def distinct_world(endpoints: int, variants: int, nets: int) -> World:
    """Every endpoint of a class of its own, as far as the square of ``variants`` goes."""
    shape = Layers(endpoints, variants=variants, classes=min(endpoints, variants * variants))

    def on_node(made: Manifest) -> Manifest:
        return {**made, "spec": {**made["spec"], "node": cluster.NODE}} if made["kind"] == "WorkloadEndpoint" else made

    def created(number: int) -> Manifest:
        return on_node(layers.endpoint(shape, shape.endpoints + number, INTERFACE))

    return World("distinct classes", lambda: map(on_node, layers.manifests(shape)), created, nets)


def address_of(endpoint: Manifest) -> IPv4Address:
    """The first one."""
    return IPv4Address(endpoint["spec"]["ipNetworks"][0].partition("/")[0])
