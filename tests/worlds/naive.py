"""What policy means, read straight from the manifests: as simple as it can be, and slow.

It shares nothing with the product but packet and verdict: no parser, no selectors, no labels, no sets, no order. What
the compiler makes of a world is held against it.
"""

from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_address, ip_network
from typing import Any

from dnsguard.calc.compiled import Action
from dnsguard.calc.evaluator.packet import Packet, PacketState
from dnsguard.calc.evaluator.trace import Decider, Verdict
from tests.support.kubernetes import selects
from tests.worlds.dice import Manifest
from tests.worlds.meaning import ACCOUNT, MEANING, NAMESPACE, Labels, below, both, has, selected
from tests.worlds.shot import Shot
from tests.worlds.world import World

PROTOCOLS = {"ICMP": 1, "TCP": 6, "UDP": 17, "ICMPv6": 58, "SCTP": 132, "UDPLite": 136}
LAST = float("inf")


@dataclass(frozen=True)
class Thing:
    """An endpoint or a network set."""

    manifest: Manifest
    labels: Labels
    networks: tuple[Any, ...] = ()
    domains: tuple[str, ...] = ()

    @property
    def spec(self) -> Manifest:
        spec: Manifest = self.manifest["spec"]
        return spec

    def is_called(self, kind: str, name: str) -> bool:
        return (self.manifest["kind"], self.manifest["metadata"]["name"]) == (kind, name)

    def holds(self, address: Any) -> bool:
        return any(address in network for network in self.networks)


@dataclass(frozen=True)
class Naive:
    """One world's policy."""

    world: World

    def of(self, kind: str, version: str = "projectcalico.org/v3") -> list[Manifest]:
        return [each for each in self.world.manifests if (each["kind"], each["apiVersion"]) == (kind, version)]

    # Labels

    @cached_property
    def namespaces(self) -> dict[str, Labels]:
        given = {each["metadata"]["name"]: each["metadata"].get("labels", {}) for each in self.of("Namespace", "v1")}
        names = {*given, *(each["metadata"].get("namespace", "") for each in self.world.manifests)} - {""}
        own = ("projectcalico.org/name", "kubernetes.io/metadata.name")
        return {
            name: {f"pcns.{key}": value for key, value in {**given.get(name, {}), **dict.fromkeys(own, name)}.items()}
            for name in names
        }

    def inherited(self, profile: str) -> Labels:
        written = {each["metadata"]["name"]: each["spec"].get("labelsToApply", {}) for each in self.of("Profile")}
        kind, _, rest = profile.partition(".")
        if kind == "kns":
            return self.namespaces[rest]
        if kind == "ksa":
            return {"pcsa.projectcalico.org/name": rest.partition(".")[2]}
        labels: Labels = written.get(profile, {})
        return labels

    def labels_of(self, manifest: Manifest) -> Labels:
        metadata, spec, kind = manifest["metadata"], manifest["spec"], manifest["kind"]
        labels = dict(metadata.get("labels", {}))
        if "namespace" in metadata:  # nobody in a namespace says himself what it is, or as whom he runs
            labels = {key: value for key, value in labels.items() if not key.startswith(("pcns.", "pcsa.", ACCOUNT))}
        profiles = list(spec.get("profiles", ()))
        if "namespace" in metadata:
            labels[NAMESPACE] = metadata["namespace"]
        if kind == "WorkloadEndpoint":
            labels |= {ACCOUNT: spec["serviceAccountName"]} if "serviceAccountName" in spec else {}
            labels |= {"projectcalico.org/orchestrator": spec["orchestrator"]} if "orchestrator" in spec else {}
        if kind in ("NetworkSet", "GlobalNetworkSet"):
            labels |= {"projectcalico.org/name": metadata["name"], "projectcalico.org/kind": "NetworkSet"}
            profiles = [f"kns.{metadata['namespace']}"] if "namespace" in metadata else []
        for profile in profiles:
            labels = {**self.inherited(profile), **labels}
        return labels

    @cached_property
    def endpoints(self) -> list[Thing]:
        found = []
        for kind, place in ("WorkloadEndpoint", "ipNetworks"), ("HostEndpoint", "expectedIPs"):
            for each in self.of(kind):
                networks = tuple(ip_network(text) for text in each["spec"].get(place, ()))
                found.append(Thing(each, self.labels_of(each), networks))
        return found

    @cached_property
    def sets(self) -> list[Thing]:
        found = []
        for each in self.of("NetworkSet") + self.of("GlobalNetworkSet"):
            networks = tuple(ip_network(text) for text in each["spec"].get("nets", ()))
            domains = tuple(each["spec"].get("allowedEgressDomains", ()))
            found.append(Thing(each, self.labels_of(each), networks, domains))
        return found

    # The node

    def problem_with(self, shot: Shot, verdict: Verdict) -> str:
        """What the node drops whatever policy says, where the verdict has it otherwise; else empty."""
        decider = verdict.decision.decider if verdict.decision else None
        if self.is_of_deleted(shot) and verdict.action is not Action.DENY:
            return "a connection of a workload that has no endpoint goes on"
        wrapped = self.is_wrapped(shot)
        if wrapped and verdict.action is not Action.DENY:
            return "a workload sends packets in packets"
        if decider is Decider.ENCAPSULATED and not wrapped:
            return "is no packet in a packet, or is allowed to be"
        if decider is Decider.UNKNOWN_WORKLOAD and shot.packet.state is PacketState.ESTABLISHED:
            untracked = any(each["spec"].get("doNotTrack") for each in self.of("GlobalNetworkPolicy"))
            if not untracked and not self.is_of_deleted(shot):
                return "a connection of endpoints that are there is cut"
        return ""

    @cached_property
    def here(self) -> set[Any]:
        """Addresses of this node's workloads."""
        found = [each["spec"] for each in self.of("WorkloadEndpoint") if each["spec"]["node"] == self.world.node.name]
        return {ip_address(text) for spec in found for text in spec["ipNetworks"]}

    def is_of_deleted(self, shot: Shot) -> bool:
        packet = shot.packet
        ends = [(shot.arrives, packet.source), *([(shot.leaves, packet.destination)] if shot.arrives else [])]
        goes_on = packet.state in (PacketState.ESTABLISHED, PacketState.RELATED)
        return goes_on and any(name.startswith("cali") and address not in self.here for name, address in ends)

    def is_wrapped(self, shot: Shot) -> bool:
        packet, node = shot.packet, self.world.node
        vxlan = (packet.protocol, packet.destination_port, node.allow_vxlan) == (17, 4789, False)
        ipip = (packet.protocol, node.allow_ipip) == (4, False)
        started = packet.state is PacketState.NEW and shot.arrives.startswith("cali") and packet.source in self.here
        return started and (vxlan or ipip)

    # Policies

    def decide(self, name: str, kind: str, stage: str, direction: str, packet: Packet) -> str:
        """``allow``, ``deny``, or nothing where the stage leaves it to the next."""
        endpoint = next(each for each in self.endpoints if each.is_called(kind, name))
        if stage == "untracked" and endpoint.spec["interfaceName"] == "*":
            return ""
        tiers = {each["metadata"]["name"]: each["spec"] for each in self.of("Tier")}
        tiers["default"] = {}
        for tier in sorted(tiers, key=lambda each: (tiers[each].get("order", 1_000_000), each)):
            policies = [each for each in self.in_order(tier) if self.applies(each, endpoint, stage, direction)]
            if not policies:
                continue
            action = next(filter(None, (self.by_rules(each, direction, packet) for each in policies)), "")
            if action in ("Allow", "Deny"):
                return action.lower()
            ends = stage in ("normal", "forward") and tiers[tier].get("defaultAction", "Deny") == "Deny"
            if not action and ends:
                return "deny"
        if stage == "normal":
            return self.by_profiles(endpoint, direction, packet)
        return "allow" if stage == "forward" else ""

    def in_order(self, tier: str) -> list[Manifest]:
        def key(policy: Manifest) -> tuple[float, str]:
            metadata, kind, order = policy["metadata"], policy["kind"], policy["spec"].get("order", LAST)
            if policy["apiVersion"] != "projectcalico.org/v3":
                kind, order = "KubernetesNetworkPolicy", 1000
            return order, f"{metadata['name']}/{metadata.get('namespace', '')}/{kind}"

        of_kubernetes = self.of("NetworkPolicy", "networking.k8s.io/v1") if tier == "default" else []
        ours = [*self.of("NetworkPolicy"), *self.of("GlobalNetworkPolicy")]
        return sorted([each for each in ours if each["spec"].get("tier", "default") == tier] + of_kubernetes, key=key)

    def applies(self, policy: Manifest, endpoint: Thing, stage: str, direction: str) -> bool:
        spec, labels, namespace = policy["spec"], endpoint.labels, policy["metadata"].get("namespace")
        if policy["apiVersion"] != "projectcalico.org/v3":
            types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
            pod = labels.get("projectcalico.org/orchestrator") == "k8s" and labels.get(NAMESPACE) == namespace
            right = stage == "normal" and direction.capitalize() in types and pod
            return right and endpoint.manifest["kind"] == "WorkloadEndpoint" and selects(spec["podSelector"], labels)
        types = spec.get("types") or [each.capitalize() for each in ("ingress", "egress") if each in spec]
        if direction.capitalize() not in (types or ["Ingress"]):
            return False
        if spec.get("doNotTrack"):
            stages = ["untracked"]
        elif spec.get("preDNAT"):
            stages = ["pre-dnat"]
        else:
            stages = ["normal", "forward"] if spec.get("applyOnForward") else ["normal"]
        if stage not in stages or (namespace and labels.get(NAMESPACE) != namespace):
            return False
        selected = MEANING[spec.get("selector", "all()")]
        accounts, within = spec.get("serviceAccountSelector"), spec.get("namespaceSelector")
        if (
            namespace is None and spec.get("selector") == "all()"
        ):  # written, it means all with what the others are about
            selected = has(NAMESPACE) if within else has(ACCOUNT) if accounts else selected
        of_namespaces = None if within is None else has(NAMESPACE) if within == "all()" else below("pcns.", within)
        of_accounts = None if accounts is None else below("pcsa.", accounts)
        whole = both(selected, of_namespaces, of_accounts)
        return whole is not None and whole(labels)

    def by_rules(self, policy: Manifest, direction: str, packet: Packet) -> str:
        if policy["apiVersion"] != "projectcalico.org/v3":
            rules = policy["spec"].get(direction) or []
            return "Allow" if any(self.kubernetes_allows(policy, each, direction, packet) for each in rules) else ""
        namespace = policy["metadata"].get("namespace", "")
        return self.first_action(policy["spec"].get(direction, ()), direction, namespace, packet)

    def first_action(self, rules: Any, direction: str, namespace: str, packet: Packet) -> str:
        matching = (rule["action"] for rule in rules if self.matches(rule, direction, namespace, packet))
        return next((action for action in matching if action != "Log"), "")

    def by_profiles(self, endpoint: Thing, direction: str, packet: Packet) -> str:
        written = {each["metadata"]["name"]: each["spec"] for each in self.of("Profile")}
        for profile in endpoint.spec.get("profiles", ()):
            if profile.startswith("kns.") or profile == "projectcalico-default-allow":
                return "allow"
            if profile.startswith("ksa."):
                continue
            if profile not in written:
                return "deny"
            action = self.first_action(written[profile].get(direction, ()), direction, "", packet)
            if action in ("Allow", "Deny"):
                return action.lower()
        return "deny"

    # Rules

    def matches(self, rule: Manifest, direction: str, namespace: str, packet: Packet) -> bool:
        if rule.get("ipVersion", packet.ip_version) != packet.ip_version:
            return False
        protocol = _number(rule.get("protocol"))
        if protocol not in (None, packet.protocol) or _number(rule.get("notProtocol")) == packet.protocol:
            return False
        icmp, not_icmp = rule.get("icmp"), rule.get("notICMP")
        if icmp and not (packet.is_icmp and _is_icmp(icmp, packet)):
            return False
        if not_icmp and (not packet.is_icmp or _is_icmp(not_icmp, packet)):
            return False
        learns = direction == "egress" and rule["action"] == "Allow"
        ends = (
            ("source", packet.source, packet.source_port, False),
            ("destination", packet.destination, packet.destination_port, learns),
        )
        return all(
            self.end_matches(rule.get(side) or {}, protocol, namespace, packet, address, port, names)
            for side, address, port, names in ends
        )

    def end_matches(
        self,
        entity: Manifest,
        protocol: int | None,
        namespace: str,
        packet: Packet,
        address: Any,
        port: Any,
        names: bool,
    ) -> bool:
        for key in "nets", "notNets":
            networks = [ip_network(text) for text in entity.get(key, ())]
            if networks and all(network.version != address.version for network in networks):
                return False
        if "nets" in entity and not any(address in ip_network(text) for text in entity["nets"]):
            return False
        if any(address in ip_network(text) for text in entity.get("notNets", ())):
            return False
        positive, negative = selected(entity, namespace)
        if negative is not None and any(negative(each.labels) and each.holds(address) for each in self.things):
            return False

        def named(listed: list[Any]) -> bool:
            wanted = [each for each in listed if isinstance(each, str) and each in ("web", "dns")]
            return any(
                (offer["name"] in wanted, PROTOCOLS[offer["protocol"]], offer["port"]) == (True, packet.protocol, port)
                and protocol in (None, packet.protocol)
                for each in self.endpoints
                if each.holds(address) and (positive is None or positive(each.labels))
                for offer in each.spec.get("ports", ())
            )

        if _in_ranges(port, entity.get("notPorts", ())) or named(entity.get("notPorts", [])):
            return False
        reached = True
        if "domains" in entity:
            reached = names and self.learned(entity["domains"], packet, address)
        elif positive is not None:
            chosen = [each for each in self.things if positive(each.labels)]
            reached = any(each.holds(address) for each in chosen)
            reached = reached or (names and any(self.learned(each.domains, packet, address) for each in chosen))
        if "ports" not in entity:
            return reached
        by_name = "domains" not in entity and named(entity["ports"])
        return by_name or (reached and _in_ranges(port, entity["ports"]))

    @property
    def things(self) -> list[Thing]:
        return self.endpoints + self.sets

    def learned(self, domains: Any, packet: Packet, address: Any) -> bool:
        return any((domain, packet.source, address) in self.world.leases for domain in domains)

    # Kubernetes

    def kubernetes_allows(self, policy: Manifest, rule: Manifest, direction: str, packet: Packet) -> bool:
        peer = packet.source if direction == "ingress" else packet.destination
        peers = rule.get("from" if direction == "ingress" else "to") or []
        namespace = policy["metadata"]["namespace"]
        if peers and not any(self.is_peer(each, namespace, peer) for each in peers):
            return False
        ports = rule.get("ports") or []
        return not ports or any(self.is_port(each, packet) for each in ports)

    @cached_property
    def pods(self) -> list[Thing]:
        """What Kubernetes' policies speak of; their port names, too, are those of pods."""
        return [
            each
            for each in self.endpoints
            if NAMESPACE in each.labels and each.labels.get("projectcalico.org/orchestrator") == "k8s"
        ]

    def is_peer(self, peer: Manifest, namespace: str, address: Any) -> bool:
        if "ipBlock" in peer:
            block = peer["ipBlock"]
            inside = address in ip_network(block["cidr"])
            return inside and not any(address in ip_network(text) for text in block.get("except", ()))
        for pod in self.pods:
            if not pod.holds(address):
                continue
            if "namespaceSelector" in peer:
                wanted = peer["namespaceSelector"].get("matchLabels", {})
                right = all(pod.labels.get(f"pcns.{key}") == value for key, value in wanted.items())
            else:
                right = pod.labels.get(NAMESPACE) == namespace
            if right and selects(peer.get("podSelector", {}), pod.labels):
                return True
        return False

    def is_port(self, wanted: Manifest, packet: Packet) -> bool:
        if PROTOCOLS[wanted.get("protocol", "TCP")] != packet.protocol:
            return False
        first: Any = wanted.get("port")
        port = packet.destination_port
        if first is None:
            return True
        if isinstance(first, str):
            return any(
                (offer["name"], PROTOCOLS[offer["protocol"]], offer["port"]) == (first, packet.protocol, port)
                for pod in self.pods
                if pod.holds(packet.destination)
                for offer in pod.spec.get("ports", ())
            )
        return port is not None and bool(first <= port <= wanted.get("endPort", first))


def _number(protocol: Any) -> int | None:
    if protocol is None:
        return None
    return PROTOCOLS[protocol] if protocol in PROTOCOLS else int(protocol)


def _is_icmp(wanted: Manifest, packet: Packet) -> bool:
    return wanted["type"] == packet.icmp_type and wanted.get("code", packet.icmp_code) == packet.icmp_code


def _in_ranges(port: int | None, listed: Any) -> bool:
    for each in listed:
        first, _, last = str(each).partition(":")
        if first.isdigit() and port is not None and int(first) <= port <= int(last or first):
            return True
    return False
