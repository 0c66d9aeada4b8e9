"""Objects in which something is empty, and what a plain reading of each lets through.

One workload, ``w``, sends probes. Every row is one object with one place in it that may be filled or empty, the objects
that it needs beside it, and the probes that pass once that place is empty.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import product
from typing import Any

from dnsguard.calc.compile import compile_policy
from dnsguard.calc.compiled import Address, Compiled, Direction, EndpointId
from dnsguard.calc.evaluator.evaluate import Evaluator
from dnsguard.calc.evaluator.matching import LeaseLookup
from dnsguard.calc.evaluator.packet import Packet
from dnsguard.domains import wire_name
from dnsguard.resources import Resource, parse_object

Manifest = dict[str, Any]
Path = tuple[str | int, ...]

CALICO = "projectcalico.org/v3"
KUBERNETES = "networking.k8s.io/v1"
W = EndpointId("WorkloadEndpoint", "shop", "w")
W_ADDRESSES = ("10.0.0.1", "fd00::1")

PLACES = {
    "peer": "10.0.0.2",  # a workload of the same namespace
    "far": "10.0.0.3",  # one of another
    "few": "192.0.2.9",  # in a network set
    "learned": "198.51.100.20",  # where a.example leads
    "out": "203.0.113.5",
    "out6": "2001:db8::5",
}
FLOWS = {"tcp 443": (6, 443), "tcp 8080": (6, 8080), "udp 53": (17, 53), "icmp": (1, None)}
LEARNED = {"198.51.100.20": wire_name("a.example")}


@dataclass(frozen=True, slots=True)
class Probe:
    """One packet from ``w``, or to it."""

    place: str
    flow: str
    direction: Direction

    def packet(self) -> Packet:
        """As it passes ``w``."""
        protocol, port = FLOWS[self.flow]
        there = ip_address(PLACES[self.place])
        here = ip_address(W_ADDRESSES[there.version == 6])
        source, destination = (here, there) if self.direction is Direction.EGRESS else (there, here)
        if port is not None:
            return Packet(source, destination, protocol, source_port=40_000, destination_port=port)
        icmp = (1, 8) if there.version == 4 else (58, 128)
        return Packet(source, destination, icmp[0], icmp_type=icmp[1], icmp_code=0)


PROBES = [Probe(*each) for each in product(PLACES, FLOWS, (Direction.EGRESS, Direction.INGRESS))]

Reading = Callable[[Probe], bool]
"""Whether a plain reading lets a probe through."""


def nothing(_: Probe) -> bool:
    """What an empty list matches."""
    return False


def everything(_: Probe) -> bool:
    """What no condition at all matches."""
    return True


def tcp(probe: Probe) -> bool:
    """The rest of a rule that says ``protocol: TCP``."""
    return probe.flow.startswith("tcp")


def only(*places: str) -> Reading:
    """What is at these places."""
    return lambda probe: probe.place in places


def outgoing(reading: Reading) -> Reading:
    """Of what goes out, what ``reading`` says; what comes in is not restricted."""
    return lambda probe: probe.direction is Direction.INGRESS or reading(probe)


def incoming(reading: Reading) -> Reading:
    """Of what comes in, what ``reading`` says; what goes out is not restricted."""
    return lambda probe: probe.direction is Direction.EGRESS or reading(probe)


@dataclass(frozen=True, slots=True)
class Row:
    """One object, and the place in it that may be empty."""

    name: str
    """Of the object, and of all that stand beside it for its sake."""

    kind: str
    spec: Manifest
    path: Path
    """Of the place, from the object down."""

    filled: Any
    empty: Any
    passes: Reading
    """Once it is empty."""

    beside: tuple[Manifest, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    api_version: str = CALICO

    def written(self, value: Any) -> Manifest:
        """The object with this value in the place."""
        written = manifest(self.kind, self.name, deepcopy(self.spec), dict(self.labels))
        written["apiVersion"] = self.api_version
        inner: Any = written
        for step in self.path[:-1]:
            inner = inner[step]
        inner[self.path[-1]] = deepcopy(value)
        return written


def manifest(
    kind: str, name: str, spec: Manifest | None, labels: Manifest | None = None, namespace: str = "shop"
) -> Manifest:
    """An object; of ``namespace`` where its kind has one."""
    metadata: Manifest = {"name": name}
    if kind in ("NetworkPolicy", "NetworkSet", "WorkloadEndpoint", "StagedNetworkPolicy"):
        metadata["namespace"] = namespace
    if labels:
        metadata["labels"] = labels
    if kind == "Namespace":
        return {"apiVersion": "v1", "kind": kind, "metadata": metadata}
    return {"apiVersion": CALICO, "kind": kind, "metadata": metadata, **({} if spec is None else {"spec": spec})}


def _workload(name: str, namespace: str, addresses: Sequence[str], **more: Any) -> Manifest:
    spec = {
        "orchestrator": "k8s",
        "interfaceName": f"cali-{name}"[:15],
        "ipNetworks": list(addresses),
        "profiles": [f"kns.{namespace}"],
    }
    return manifest("WorkloadEndpoint", name, {**spec, **more}, {"app": name}, namespace)


WORLD: tuple[Manifest, ...] = (
    manifest("Namespace", "shop", None),
    manifest("Namespace", "ops", None),
    _workload("w", "shop", W_ADDRESSES),
    _workload(
        "peer",
        "shop",
        [PLACES["peer"]],
        serviceAccountName="runner",
        ports=[{"name": "web", "protocol": "TCP", "port": 8080}],
    ),
    _workload("far", "ops", [PLACES["far"]]),
    manifest("NetworkSet", "few", {"nets": ["192.0.2.0/24"]}, {"role": "few"}),
)
"""What every row has around it."""


def policy(name: str, egress: Any, kind: str = "NetworkPolicy", **spec: Any) -> Manifest:
    """A policy on ``w`` for what it sends."""
    return manifest(kind, name, {"selector": "app == 'w'", "types": ["Egress"], "egress": egress, **spec})


def _rule_rows(kind: str, action: str = "Allow") -> Iterator[Row]:
    """An egress rule with one place of its destination empty, which allows or denies; after a denial all is allowed."""
    known = "app in {'peer', 'far'}" if kind == "NetworkPolicy" else "has(app)"
    ends: list[tuple[str, Any, Any, Reading, Manifest]] = [
        # field, filled, empty, what the rule matches then, beside it in the rule
        ("nets", ["192.0.2.0/24"], [], nothing, {}),
        ("nets", ["192.0.2.0/24"], [], nothing, {"notNets": ["198.51.100.0/24"]}),
        ("nets", ["192.0.2.0/24"], [], nothing, {"selector": known}),
        ("notNets", ["192.0.2.0/24"], [], everything, {}),
        ("notNets", ["192.0.2.0/24"], [], nothing, {"nets": []}),
        ("ports", [443], [], nothing, {}),
        ("ports", [443], [], nothing, {"nets": ["192.0.2.0/24"]}),
        ("ports", [443], [], nothing, {"selector": known}),
        ("ports", ["web"], [], nothing, {}),
        ("notPorts", [443], [], tcp, {}),
        ("notPorts", ["web"], [], everything, {}),
        ("selector", "role == 'few'", "", everything, {}),
        ("selector", "role == 'few'", " ", everything, {}),
        ("selector", "role == 'few'", "has(nobody)", nothing, {}),
        ("selector", "role == 'few'", "role in {}", nothing, {}),
        ("selector", "role == 'few'", "!all()", nothing, {}),
        ("namespaceSelector", "has(projectcalico.org/name)", "", everything, {}),
        ("namespaceSelector", "has(projectcalico.org/name)", "projectcalico.org/name == 'nobody'", nothing, {}),
        ("namespaceSelector", "has(projectcalico.org/name)", "has(nobody)", nothing, {"selector": known}),
        ("serviceAccounts", {"names": ["runner"]}, {"names": []}, nothing, {}),
        ("serviceAccounts", {"names": ["runner"]}, {"names": [], "selector": "all()"}, nothing, {}),
        ("serviceAccounts", {"names": ["runner"]}, {"names": ["nobody"]}, nothing, {}),
        ("serviceAccounts", {"selector": "all()"}, {"selector": "has(nobody)"}, nothing, {}),
        ("serviceAccounts", {"names": ["runner"]}, {}, everything, {}),
    ]
    if action == "Allow":
        ends += [
            ("domains", ["a.example"], [], nothing, {}),
            ("domains", ["a.example"], [], nothing, {"notNets": ["192.0.2.0/24"]}),
        ]
    if kind == "GlobalNetworkPolicy":
        ends += [("notSelector", "has(app)", "has(nobody)", everything, {})]
        ends += [("notSelector", "has(app)", "", everything, {})]
        ends += [("notSelector", "has(app)", "has(nobody)", nothing, {"selector": "has(nobody)"})]
    else:  # there the other objects of the namespace are meant, and nothing outside
        ends += [("notSelector", "has(app)", "has(nobody)", only("peer", "few"), {})]
    short = "np" if kind == "NetworkPolicy" else "gnp"
    for number, (field, filled, empty, matched, more) in enumerate(ends):
        rule: Manifest = {"action": action, "destination": dict(more)}
        if filled == [443]:
            rule["protocol"] = "TCP"
        rules = [rule] if action == "Allow" else [rule, {"action": "Allow"}]
        yield Row(
            f"{short}-{action.lower()}-{field.lower()}-{number}",
            kind,
            {"selector": "app == 'w'", "types": ["Egress"], "egress": rules},
            ("spec", "egress", 0, "destination", field),
            filled,
            empty,
            outgoing(matched if action == "Allow" else _not(matched)),
        )


def _not(reading: Reading) -> Reading:
    return lambda probe: not reading(probe)


def _policy_rows() -> Iterator[Row]:
    """The lists of a policy itself."""
    rules = [{"action": "Allow", "destination": {"nets": ["192.0.2.0/24"]}}]
    on_w: Manifest = {"selector": "app == 'w'"}
    for kind, short in (("NetworkPolicy", "np"), ("GlobalNetworkPolicy", "gnp")):
        yield Row(
            f"{short}-egress", kind, {**on_w, "types": ["Egress"]}, ("spec", "egress"), rules, [], outgoing(nothing)
        )
        yield Row(
            f"{short}-ingress", kind, {**on_w, "types": ["Ingress"]}, ("spec", "ingress"), rules, [], incoming(nothing)
        )
        # The types are inferred: a list that is emptied takes its direction not out of the policy.
        yield Row(f"{short}-egress-alone", kind, on_w, ("spec", "egress"), rules, [], outgoing(nothing))
        yield Row(f"{short}-ingress-alone", kind, on_w, ("spec", "ingress"), rules, [], incoming(nothing))
        yield Row(
            f"{short}-egress-beside",
            kind,
            {**on_w, "ingress": [{"action": "Allow"}]},
            ("spec", "egress"),
            rules,
            [],
            outgoing(nothing),
        )
        for end in ("source", "destination"):
            path: Path = ("spec", "egress", 0, end)
            filled = {"selector": "has(nobody)"}
            spec: Manifest = {**on_w, "types": ["Egress"], "egress": [{"action": "Allow", "protocol": "TCP"}]}
            yield Row(f"{short}-{end}", kind, spec, path, filled, {}, outgoing(tcp))
        spec = {"types": ["Egress"], "egress": rules}
        for number, (empty, passes) in enumerate(
            [("", outgoing(only("few"))), ("has(nobody)", everything), ("app in {}", everything)]
        ):
            yield Row(f"{short}-selector-{number}", kind, spec, ("spec", "selector"), "app == 'w'", empty, passes)
        fields = ("serviceAccountSelector",) if short == "np" else ("serviceAccountSelector", "namespaceSelector")
        for field, (number, (empty, passes)) in product(
            fields, enumerate([("", outgoing(only("few"))), ("has(nobody)", everything)])
        ):
            name = f"{short}-{field.lower()}-{number}"
            yield Row(name, kind, {**on_w, **spec}, ("spec", field), "all()", empty, passes)


def _set_rows() -> Iterator[Row]:
    """Network sets that hold nothing, and a policy that allows what they hold."""
    places: list[tuple[Path, Any, Any, Manifest]] = [
        (("spec", "nets"), ["203.0.113.0/24"], [], {}),
        (("spec", "nets"), ["203.0.113.0/24"], [], {"allowedEgressDomains": []}),
        (("spec", "allowedEgressDomains"), ["a.example"], [], {}),
        (("spec", "allowedEgressDomains"), ["a.example"], [], {"nets": []}),
        (("spec",), {"nets": ["203.0.113.0/24"]}, {}, {}),
        (("metadata", "labels"), None, {}, {"nets": ["203.0.113.0/24"]}),
    ]
    scopes: dict[str, Manifest] = {"NetworkSet": {}, "GlobalNetworkSet": {"namespaceSelector": "global()"}}
    for kind, scope in scopes.items():
        for number, (path, filled, empty, more) in enumerate(places):
            name = f"{'gns' if scope else 'ns'}-{number}"
            destination = {"selector": f"holds == '{name}'", **scope}
            allowing = policy(name, [{"action": "Allow", "destination": destination}])
            labels = {"holds": name}
            filled = labels if filled is None else filled
            yield Row(name, kind, more, path, filled, empty, outgoing(nothing), (allowing,), tuple(labels.items()))


def _other_rows() -> Iterator[Row]:
    """Profiles without rules, endpoints without addresses or profiles."""
    for direction in ("ingress", "egress"):
        name = f"profile-{direction}"
        other = "egress" if direction == "ingress" else "ingress"
        spec: Manifest = {other: [{"action": "Allow"}]}
        of_w = _workload("w", "shop", W_ADDRESSES, profiles=[name])
        reading = incoming(nothing) if direction == "ingress" else outgoing(nothing)
        yield Row(name, "Profile", spec, ("spec", direction), [{"action": "Allow"}], [], reading, (of_w,))
    name = "addressless"
    allowing = policy(name, [{"action": "Allow", "destination": {"selector": "app == 'addressless'"}}])
    spec = {"interfaceName": "cali-far", "profiles": ["kns.shop"]}
    path = ("spec", "ipNetworks")
    labels = (("app", name),)
    yield Row(name, "WorkloadEndpoint", spec, path, [PLACES["far"]], [], outgoing(nothing), (allowing,), labels)
    name = "hostless"
    allowing = policy(
        name, [{"action": "Allow", "destination": {"selector": f"app == '{name}'"}}], "GlobalNetworkPolicy"
    )
    spec = {"node": "node-a", "interfaceName": "eth0"}
    yield Row(
        name,
        "HostEndpoint",
        spec,
        ("spec", "expectedIPs"),
        [PLACES["out"]],
        [],
        outgoing(nothing),
        (allowing,),
        (("app", name),),
    )


def _kubernetes_rows() -> Iterator[Row]:
    """Policies of Kubernetes, whose documents say what is empty: a rule's list of peers or ports restricts nothing."""
    to_few = {"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}]}
    on_w: Manifest = {"podSelector": {"matchLabels": {"app": "w"}}}
    out: Manifest = {**on_w, "policyTypes": ["Egress"]}
    two_pods = only("peer")  # of the namespace; the other is w itself
    in_few = only("few")
    places: list[tuple[Manifest, Path, Any, Any, Reading]] = [
        ({**out, "egress": [to_few]}, ("podSelector",), {"matchLabels": {"app": "w"}}, {}, outgoing(in_few)),
        (
            {**out, "egress": [to_few]},
            ("podSelector", "matchLabels"),
            {"app": "w"},
            {},
            outgoing(in_few),
        ),
        ({**out, "egress": [to_few]}, ("podSelector",), {}, {"matchLabels": {"app": "nobody"}}, everything),
        (out, ("egress",), [to_few], [], outgoing(nothing)),
        ({**on_w, "policyTypes": ["Ingress"]}, ("ingress",), [{"from": to_few["to"]}], [], incoming(nothing)),
        (on_w, ("ingress",), [{"from": to_few["to"]}], [], incoming(nothing)),
        ({**out, "egress": [{}]}, ("egress", 0, "to"), to_few["to"], [], everything),
        ({**out, "egress": [{**to_few}]}, ("egress", 0, "ports"), [{"port": 443}], [], outgoing(in_few)),
        (
            {**out, "egress": [{"to": [{}]}]},
            ("egress", 0, "to", 0, "podSelector"),
            {"matchLabels": {"app": "far"}},
            {},
            outgoing(two_pods),
        ),
        (
            {**out, "egress": [{"to": [{}]}]},
            ("egress", 0, "to", 0, "podSelector"),
            {},
            {"matchLabels": {"app": "nobody"}},
            outgoing(nothing),
        ),
        (
            {**out, "egress": [{"to": [{}]}]},
            ("egress", 0, "to", 0, "namespaceSelector"),
            {"matchLabels": {"kubernetes.io/metadata.name": "ops"}},
            {},
            outgoing(only("peer", "far")),
        ),
        (
            {**out, "egress": [{"to": [{"podSelector": {}}]}]},
            ("egress", 0, "to", 0, "namespaceSelector"),
            {},
            {"matchLabels": {"kubernetes.io/metadata.name": "nobody"}},
            outgoing(nothing),
        ),
        (
            {**out, "egress": [{"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}]}]},
            ("egress", 0, "to", 0, "ipBlock", "except"),
            ["192.0.2.8/29"],
            [],
            outgoing(in_few),
        ),
    ]
    for number, (spec, path, filled, empty, reading) in enumerate(places):
        yield Row(
            f"knp-{number}", "NetworkPolicy", spec, ("spec", *path), filled, empty, reading, api_version=KUBERNETES
        )


def _staged_rows() -> Iterator[Row]:
    """What is staged changes nothing, whatever is empty in it."""
    spec = {"stagedAction": "Set", "selector": "app == 'w'", "types": ["Egress"]}
    rule = {"action": "Allow", "destination": {}}
    yield Row("staged", "StagedNetworkPolicy", spec, ("spec", "egress"), [rule], [], everything)
    deny = policy("staged-allow", [{"action": "Allow", "destination": {"nets": ["192.0.2.0/24"]}}])
    yield Row(
        "staged-allow",
        "StagedNetworkPolicy",
        {**spec, "egress": [rule]},
        ("spec", "egress", 0, "destination"),
        {"nets": ["198.51.100.0/24"]},
        {},
        outgoing(only("few")),
        (deny,),
    )


ROWS: tuple[Row, ...] = (
    *_rule_rows("NetworkPolicy"),
    *_rule_rows("GlobalNetworkPolicy"),
    *_rule_rows("NetworkPolicy", "Deny"),
    *_rule_rows("GlobalNetworkPolicy", "Deny"),
    *_policy_rows(),
    *_set_rows(),
    *_other_rows(),
    *_kubernetes_rows(),
    *_staged_rows(),
)


def leases(compiled: Compiled) -> LeaseLookup:
    """Everybody has looked up every name that there is."""

    def leased(lease_set: str, _client: Address, address: Address) -> bool:
        name = LEARNED.get(str(address))
        patterns = compiled.lease_sets[lease_set].patterns
        return name is not None and any(pattern.matches(name) for pattern in patterns)

    return leased


def passing(resources: Iterable[Resource]) -> frozenset[Probe]:
    """The probes that the policies of ``w`` let through."""
    compiled = compile_policy(resources)
    evaluator, leased = Evaluator(compiled), leases(compiled)
    return frozenset(
        probe
        for probe in PROBES
        if str(evaluator.judge(W, probe.direction, probe.packet(), leased).decision.action) == "allow"
    )


def surroundings(row: Row) -> list[Resource]:
    """What stands around a row's object; what it brings replaces what is there already."""
    own = {(each["kind"], each["metadata"]["name"]) for each in row.beside}
    kept = [each for each in WORLD if (each["kind"], each["metadata"]["name"]) not in own]
    return [parse_object(each) for each in (*kept, *row.beside)]


def read_plainly(row: Row) -> frozenset[Probe]:
    """The probes that a plain reading lets through once the row's place is empty."""
    return frozenset(filter(row.passes, PROBES))
