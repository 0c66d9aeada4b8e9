"""Random objects of every kind that stand together in one world."""

from collections.abc import Callable, Iterator

from dnsguard.resources import parse_object
from dnsguard.resources.causes import InvalidResource
from tests.worlds.dice import DOMAINS, NAMESPACES, NETS, OF_NAMESPACES, SELECTORS, TIERS, Dice, Manifest
from tests.worlds.scene import ADDRESSES, NODE_NAME, OWN, REMOTE, WORKLOADS

_HOST_SELECTORS = (
    "own == 'yes'",
    "own == 'yes'",
    "has(own)",
    "all()",
    "!has(projectcalico.org/namespace)",
    "role == 'a'",
)


class Maker:
    """Draws manifests until they are valid."""

    def __init__(self, dice: Dice) -> None:
        self._dice = dice

    def manifests(self) -> Iterator[Manifest]:
        yield from self._surroundings()
        yield from self._workloads()
        yield from self._hosts()
        for number in range(self._dice.one((2, 3, 4, 5, 6, 7))):
            yield self._valid(self._policy, f"p{number}")
        for number in range(self._dice.one((0, 1, 2, 3, 4))):
            yield self._valid(self._host_policy, f"h{number}")
        for number in range(self._dice.one((0, 0, 1, 2))):
            yield self._valid(self._kubernetes, f"k{number}")
        for number in range(self._dice.one((0, 0, 1))):
            yield self._valid(self._staged, f"p{number}")

    def _surroundings(self) -> Iterator[Manifest]:
        dice = self._dice
        for name in NAMESPACES:
            labels = {"env": dice.one(("prod", "test"))} if dice.often(0.7) else {}
            yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
        for name in TIERS[1:]:
            action = {"defaultAction": dice.one(("Deny", "Pass", "Pass"))} if dice.often(0.8) else {}
            order = {"order": dice.one((10, 10, 20, 2_000_000))} if dice.often(0.7) else {}
            yield _manifest("Tier", name, {**order, **action})
        for number in range(dice.one((0, 1, 2, 3))):
            yield self._valid(self._network_set, f"s{number}")
        for name in ("own", "labels"):
            yield self._valid(self._profile, name)

    def _profile(self, name: str) -> Manifest:
        dice = self._dice
        spec: Manifest = {"labelsToApply": dice.labels()} if dice.often(0.5) else {}
        return _manifest("Profile", name, {**spec, "ingress": dice.rules("ingress"), "egress": dice.rules("egress")})

    def _network_set(self, name: str) -> Manifest:
        dice = self._dice
        spec: Manifest = {}
        if dice.often(0.8):
            spec["nets"] = [*dice.some(NETS[4], 0, 1, 2), *dice.some(NETS[6], 0, 1)]
        if dice.often(0.75):
            spec["allowedEgressDomains"] = dice.some(DOMAINS, 0, 1, 2)
        labels = {**dice.labels(), **({"kind": "set"} if dice.often(0.5) else {})}
        if dice.often(0.5):
            return _manifest("GlobalNetworkSet", name, spec, labels)
        return _manifest("NetworkSet", name, spec, labels, dice.one(NAMESPACES))

    def _workloads(self) -> Iterator[Manifest]:
        dice = self._dice
        for name in (*WORKLOADS, REMOTE):
            if not dice.often(0.6 if name == "d" else 0.97):
                continue
            namespace = dice.one(NAMESPACES)
            spec: Manifest = {
                "node": "node-b" if name == REMOTE else NODE_NAME,
                "interfaceName": f"cali-{name}",
                "ipNetworks": [text for text in ADDRESSES[name] if dice.often(0.97)] or [ADDRESSES[name][0]],
                "profiles": dice.one(([f"kns.{namespace}"],) * 5 + (["own"], ["own", "labels"], ["gone"], [])),
                "ports": self._ports(),
            }
            if dice.often(0.5):
                account = dice.one(("one", "two"))
                spec |= {"serviceAccountName": account, "profiles": [*spec["profiles"], f"ksa.{namespace}.{account}"]}
            if dice.often(0.5):
                spec["orchestrator"] = "k8s"
            yield _manifest("WorkloadEndpoint", name, spec, dice.labels(), namespace)

    def _ports(self) -> list[Manifest]:
        dice = self._dice
        return [
            {"name": name, "protocol": dice.one(("TCP", "UDP", "SCTP")), "port": dice.one((53, 80, 443, 8080))}
            for name in dice.some(("web", "dns"), 0, 1, 2, 2)
        ]

    def _hosts(self) -> Iterator[Manifest]:
        """For some interfaces one each, by name or by address; for every interface; and some that come second."""
        dice = self._dice
        bound: list[tuple[str, tuple[str, ...]]] = []
        for interface, texts in OWN.items():
            if dice.often({"eth0": 0.9, "eth1": 0.6}.get(interface, 0.0)):
                bound.append((interface if dice.often(0.6) else "", texts))
                if dice.often(0.1):
                    bound.append((interface, texts))
        if dice.often(0.4):
            bound.append(("*", ()))
        dice.random.shuffle(bound)
        for number, (interface, texts) in enumerate(bound):
            spec: Manifest = {"node": NODE_NAME, "interfaceName": interface, "ports": self._ports()}
            if texts and (not interface or dice.often(0.7)):
                spec["expectedIPs"] = list(texts)
            spec["profiles"] = dice.one(([], ["projectcalico-default-allow"], ["own"], ["labels", "own"]))
            yield _manifest("HostEndpoint", f"host-{number}", spec, {"own": "yes", **dice.labels()})

    def _policy(self, name: str) -> Manifest:
        dice = self._dice
        of_namespace = dice.often(0.45)
        spec: Manifest = {"tier": dice.one((*TIERS, "default")), **dice.order(), **self._types()}
        if dice.often(0.75):
            spec["selector"] = dice.one(SELECTORS[:10] if dice.often(0.6) else SELECTORS)
        if dice.often(0.08):
            spec["serviceAccountSelector"] = f"projectcalico.org/name == '{dice.one(('one', 'two'))}'"
        spec |= {direction: dice.rules(direction) for direction in ("ingress", "egress") if dice.often(0.8)}
        if of_namespace:
            return _manifest("NetworkPolicy", name, spec, {}, dice.one(NAMESPACES))
        if dice.often(0.15):
            spec["namespaceSelector"] = dice.one(OF_NAMESPACES)
        if dice.often(0.2):
            spec["applyOnForward"] = True
        return _manifest("GlobalNetworkPolicy", name, spec)

    def _types(self) -> Manifest:
        types = self._dice.one((None, None, ["Ingress"], ["Egress"], ["Ingress", "Egress"]))
        return {} if types is None else {"types": types}

    def _host_policy(self, name: str) -> Manifest:
        """One that hosts are there for: before conntrack, before DNAT, or for what they forward."""
        dice = self._dice
        stage = dice.one(("doNotTrack", "doNotTrack", "preDNAT", "applyOnForward"))
        directions = ["ingress"] if stage == "preDNAT" else dice.one((["ingress"], ["egress"], ["ingress", "egress"]))
        spec: Manifest = {
            "tier": dice.one(TIERS),
            "selector": dice.one(_HOST_SELECTORS),
            "applyOnForward": True,
            stage: True,
            **dice.order(),
            **{direction: dice.rules(direction, early=stage != "applyOnForward") for direction in directions},
            "types": [direction.capitalize() for direction in directions],
        }
        return _manifest("GlobalNetworkPolicy", name, spec)

    def _staged(self, name: str) -> Manifest:
        """Changes nothing, whatever it proposes."""
        manifest = self._policy(name)
        kind = f"Staged{manifest['kind']}"
        if self._dice.often(0.3):
            return {**manifest, "kind": kind, "spec": {"tier": manifest["spec"]["tier"], "stagedAction": "Delete"}}
        return {
            **manifest,
            "kind": kind,
            "spec": {**manifest["spec"], "stagedAction": self._dice.one(("Set", "Learn"))},
        }

    def _kubernetes(self, name: str) -> Manifest:
        dice = self._dice
        spec: Manifest = {"podSelector": self._label_selector()}
        for direction, end in ("ingress", "from"), ("egress", "to"):
            if dice.often(0.6):
                spec[direction] = [self._kubernetes_rule(end) for _ in range(dice.one((0, 1, 2)))]
        types = dice.one((None, ["Ingress"], ["Egress"], ["Ingress", "Egress"]))
        made = _manifest("NetworkPolicy", name, spec | ({} if types is None else {"policyTypes": types}), {}, "red")
        return {**made, "apiVersion": "networking.k8s.io/v1"}

    def _kubernetes_rule(self, end: str) -> Manifest:
        dice = self._dice
        rule: Manifest = {}
        if dice.often(0.7):
            rule[end] = [self._kubernetes_peer() for _ in range(dice.one((0, 1, 1, 2)))]
        if dice.often(0.6):
            ports: list[Manifest] = [{"port": 80, "endPort": 443}, {"port": 53, "protocol": "UDP"}, {"port": "web"}]
            rule["ports"] = dice.some([*ports, {"protocol": "SCTP"}, {"port": 8080}], 1, 1, 2)
        return rule

    def _kubernetes_peer(self) -> Manifest:
        dice = self._dice
        match dice.one(("pods", "namespaces", "both", "block", "block")):
            case "pods":
                return {"podSelector": self._label_selector()}
            case "namespaces":
                return {"namespaceSelector": dice.one(({}, {"matchLabels": {"env": "prod"}}))}
            case "both":
                return {"podSelector": self._label_selector(), "namespaceSelector": {"matchLabels": {"env": "test"}}}
            case _:
                inside = {
                    "10.65.0.0/16": "10.65.0.2/31",
                    "0.0.0.0/0": "192.0.2.0/25",
                    "2001:db8::/32": "2001:db8:c0::/64",
                }
                block = dice.one(tuple(inside))
                return {"ipBlock": {"cidr": block, **({"except": [inside[block]]} if dice.often(0.6) else {})}}

    def _label_selector(self) -> Manifest:
        expression = {"key": "zone", "operator": self._dice.one(("In", "NotIn")), "values": ["x"]}
        return self._dice.one(
            ({}, {"matchLabels": {"role": "a"}}, {"matchLabels": {"role": "b"}}, {"matchExpressions": [expression]})
        )

    def _valid(self, draw: Callable[[str], Manifest], name: str) -> Manifest:
        while True:
            manifest = draw(name)
            try:
                parse_object(manifest)
            except InvalidResource:
                continue
            return manifest


def _manifest(
    kind: str, name: str, spec: Manifest, labels: dict[str, str] | None = None, namespace: str = ""
) -> Manifest:
    metadata: Manifest = {"name": name, **({"labels": labels} if labels else {})}
    if namespace:
        metadata["namespace"] = namespace
    return {"apiVersion": "projectcalico.org/v3", "kind": kind, "metadata": metadata, "spec": spec}
