"""A converted policy decides as a plain reading of the Kubernetes one does, strangers to Kubernetes or not."""

from ipaddress import ip_address
from itertools import product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dnsguard.calc.compile import compile_policy
from dnsguard.calc.compiled import Action, Direction, EndpointId
from dnsguard.calc.evaluator.evaluate import Evaluator
from dnsguard.calc.evaluator.packet import Packet
from dnsguard.resources import KubernetesNetworkPolicy, Resource, calico_spec, parse_object
from dnsguard.resources.apiversions import NETWORKING, PROJECTCALICO
from tests.support.kubernetes import Connection, Pod, allowed
from tests.unit.resources.strategies import Manifest, kubernetes_ports, label_selectors, labels, peers

PROTOCOLS = {"TCP": 6, "UDP": 17, "SCTP": 132}
NAMESPACES = ("shop", "far", "bare")
PORTS = {("TCP", "web"): 8080, ("UDP", "dns"): 5353, ("TCP", "dns"): 5354}

# They look like pods, and are none: no policy of Kubernetes means them.
STRANGERS: list[tuple[str, str | None, str, dict[str, Any]]] = [
    ("NetworkSet", "shop", "198.51.100.1", {"nets": ["198.51.100.1/32"]}),
    ("NetworkSet", "far", "198.51.100.2", {"nets": ["198.51.100.2/32"]}),
    ("GlobalNetworkSet", None, "198.51.100.3", {"nets": ["198.51.100.3/32"]}),
    (
        "HostEndpoint",
        None,
        "198.51.100.4",
        {
            "node": "n",
            "interfaceName": "eth0",
            "expectedIPs": ["198.51.100.4"],
            "ports": [{"name": "web", "protocol": "TCP", "port": 8080}],
        },
    ),
]
OUTSIDE = ("10.1.2.3", "10.200.0.1", "203.0.113.5", "2001:db8::5", "2001:db8:1::5")
# What makes a stranger look like a pod: the name of a port, and a condition that holds where there is no label.
NAMED_PORTS: list[Manifest] = [{"port": "dns", "protocol": "UDP"}, {"port": "web"}, {"port": 80}, {"protocol": "SCTP"}]
NOT_THERE: list[Manifest] = [
    {"namespaceSelector": {"matchExpressions": [{"key": "nowhere", "operator": "DoesNotExist"}]}},
    {"namespaceSelector": {"matchExpressions": [{"key": "nowhere", "operator": "NotIn", "values": ["a"]}]}},
]
RULES = st.tuples(
    st.one_of(st.just([]), st.lists(st.one_of(peers, st.sampled_from(NOT_THERE)), min_size=1, max_size=2)),
    st.one_of(st.just([]), st.lists(st.one_of(kubernetes_ports, st.sampled_from(NAMED_PORTS)), min_size=1, max_size=2)),
)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Pod], list[Manifest]]:
    """Pods of three namespaces, and policies of one of them."""
    of_namespace = {name: draw(labels) for name in NAMESPACES}
    pods = [
        Pod(
            f"p{at}",
            namespace,
            draw(labels),
            {**of_namespace[namespace], "kubernetes.io/metadata.name": namespace},
            (ip_address(f"10.3.0.{at}"), ip_address(f"fd00::{at}")),
            PORTS if at % 2 else {},
        )
        for at, namespace in enumerate(("shop", "shop", "shop", "far", "far", "bare"), 1)
    ]
    rules = draw(st.lists(RULES, min_size=1, max_size=2))
    policies: list[Manifest] = [
        {
            "apiVersion": NETWORKING,
            "kind": "NetworkPolicy",
            "metadata": {"name": f"k{at}", "namespace": "shop"},
            "spec": {"podSelector": draw(st.one_of(st.just({}), label_selectors)), **_both_ways(rule)},
        }
        for at, rule in enumerate(rules)
    ]
    return pods, policies


def _both_ways(rule: tuple[list[Any], list[Any]]) -> dict[str, Any]:
    peers, ports = rule
    return {"ingress": [{"from": peers, "ports": ports}], "egress": [{"to": peers, "ports": ports}]}


def resources_of(pods: list[Pod], policies: list[Manifest]) -> list[Resource]:
    """The same world as we have it, with strangers that carry every label a pod may have."""
    made: list[Manifest] = [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": pod.namespace, "labels": dict(pod.namespace_labels)},
        }
        for pod in pods
    ]
    made += [
        {
            "apiVersion": PROJECTCALICO,
            "kind": "WorkloadEndpoint",
            "metadata": {"name": pod.name, "namespace": pod.namespace, "labels": dict(pod.labels)},
            "spec": {
                "orchestrator": "k8s",
                "interfaceName": f"cali{pod.name}",
                "ipNetworks": [str(address) for address in pod.addresses],
                "profiles": [f"kns.{pod.namespace}"],
                "ports": [
                    {"name": name, "protocol": protocol, "port": port} for (protocol, name), port in pod.ports.items()
                ],
            },
        }
        for pod in pods
    ]
    for number, (kind, namespace, _, spec) in enumerate(STRANGERS):
        like = {**pods[0].labels, "projectcalico.org/orchestrator": "k8s"}
        metadata = {"name": f"s{number}", "labels": like}
        if namespace is not None:
            metadata["namespace"] = namespace
        made.append({"apiVersion": PROJECTCALICO, "kind": kind, "metadata": metadata, "spec": spec})
    for policy in policies:
        read = parse_object(policy)
        assert isinstance(read, KubernetesNetworkPolicy)
        spec = calico_spec(read.spec).model_dump(mode="json", by_alias=True, exclude_unset=True)
        made.append(
            {"apiVersion": PROJECTCALICO, "kind": "NetworkPolicy", "metadata": policy["metadata"], "spec": spec}
        )
    unique = {(one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]): one for one in made}
    return [parse_object(one) for one in unique.values()]


@settings(max_examples=40, deadline=None)
@given(worlds(), st.data())
def test_a_converted_policy_decides_as_kubernetes_does(
    world: tuple[list[Pod], list[Manifest]], data: st.DataObject
) -> None:
    pods, policies = world
    evaluator = Evaluator(compile_policy(resources_of(pods, policies)))
    places = [address for pod in pods for address in pod.addresses]
    places += [ip_address(text) for text in (*OUTSIDE, *(stranger[2] for stranger in STRANGERS))]
    numbers = {80, 8080, 5353} | {
        port[end] + by
        for policy in policies
        for port in policy["spec"]["ingress"][0]["ports"]
        for end in ("port", "endPort")
        for by in (-1, 0, 1)
        if isinstance(port.get(end), int) and 0 < port[end] + by < 65_536
    }
    pod = data.draw(st.sampled_from(pods[:4]))
    own = data.draw(st.sampled_from(pod.addresses))
    for there, (protocol, code), port, direction in product(
        (place for place in places if place.version == own.version and place != own),
        PROTOCOLS.items(),
        sorted(numbers),
        Direction,
    ):
        source, destination = (there, own) if direction is Direction.INGRESS else (own, there)
        packet = Packet(source, destination, code, 40_000, port)
        judged = evaluator.judge(EndpointId("WorkloadEndpoint", pod.namespace, pod.name), direction, packet)
        connection = Connection(source, destination, protocol, port)
        expected = allowed(pod, direction.value.capitalize(), connection, policies, pods)
        assert (judged.decision.action is Action.ALLOW) is expected, (pod.name, direction, str(there), protocol, port)
