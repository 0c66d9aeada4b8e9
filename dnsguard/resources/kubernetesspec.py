"""What a Kubernetes network policy says: pods, peers and ports.

Here Kubernetes' meanings hold: an absent or empty list of peers means everybody, an absent or empty list of ports every
port, an empty selector all objects.
"""

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import Field, PlainSerializer

from dnsguard.resources.labelselector import LabelSelector
from dnsguard.resources.model import Model
from dnsguard.resources.nets import Block
from dnsguard.resources.policy import PolicyType, PolicyTypes
from dnsguard.resources.portnames import is_port_name
from dnsguard.resources.ports import MAX_PORT, PORT_NUMBER, NamedPort, Port, PortNumber, PortRange, port_json
from dnsguard.resources.problems import Problem, kind_of_value, refused
from dnsguard.resources.reading import reads, string
from dnsguard.resources.rule import MAX_NETS

_PROTOCOLS = ("TCP", "UDP", "SCTP")


_PORT = {"anyOf": [PORT_NUMBER, string("[a-z0-9-]{1,15}")], "x-kubernetes-int-or-string": True}


def _read_protocol(value: Any) -> str:
    if value not in _PROTOCOLS:
        hint = f"; did you mean {str(value).upper()}?" if str(value).upper() in _PROTOCOLS else ""
        raise refused("V-31", f"{value!r} is no protocol of a Kubernetes policy: write TCP, UDP or SCTP{hint}")
    return str(value)


def _read_port(value: Any) -> Port:
    if isinstance(value, int) and not isinstance(value, bool):
        if not 1 <= value <= MAX_PORT:
            raise refused("V-48", f"port {value} is out of range: write 1 to {MAX_PORT}")
        return PortRange(value, value)
    if not isinstance(value, str):
        raise refused("V-48", f"must be a port number or a port's name, not {kind_of_value(value)}")
    if not is_port_name(value):
        hint = "leave the quotes out" if value.isascii() and value.isdigit() else "a name holds a-z, 0-9 and '-'"
        raise refused("V-48", f"{value!r} is no name of a port: {hint}; write a range with endPort")
    return NamedPort(value)


class KubernetesPort(Model):
    """One port, or a range of them, of one protocol; every port of it where none is written."""

    protocol: Annotated[str, reads(_read_protocol, string(enum=list(_PROTOCOLS)))] = "TCP"
    """TCP, UDP or SCTP."""
    port: Annotated[Port, reads(_read_port, _PORT), PlainSerializer(port_json)] | None = None
    """A number, or a name that pods declare. Absent: every port of the protocol."""
    end_port: PortNumber | None = None
    """The last port of a range that begins with the number in `port`."""

    def problems(self, broken: frozenset[str]) -> Iterable[Problem]:
        """A range begins with a number, and not above its end."""
        if self.end_port is None or "port" in broken:
            return
        if not isinstance(self.port, PortRange):
            yield Problem(("endPort",), "V-48", "needs a port number in port, where the range begins")
        elif self.end_port < self.port.first:
            yield Problem(("endPort",), "V-48", f"{self.end_port} is below port {self.port.first}: exchange them")

    @property
    def matched(self) -> Port | None:
        """What a rule matches; None for every port."""
        if self.end_port is not None and isinstance(self.port, PortRange):
            return PortRange(self.port.first, self.end_port)
        return self.port


class IPBlock(Model):
    """Addresses of a network, without those of networks inside it."""

    cidr: Block
    """The network, as 192.0.2.0/24 or 2001:db8::/32."""
    excepted: Annotated[tuple[Block, ...], Field(max_length=MAX_NETS)] | None = Field(default=None, alias="except")
    """Networks inside it that are left out."""

    def problems(self, broken: frozenset[str]) -> Iterable[Problem]:
        """Each exception lies inside the network and is smaller."""
        if "cidr" in broken:
            return
        outer = self.cidr.network
        for index, net in enumerate(self.excepted or ()):
            inner = net.network
            inside = (
                inner.version == outer.version and inner.prefixlen > outer.prefixlen and inner.network_address in outer
            )
            if not inside:
                yield Problem(("except", index), "V-40", f"{net.text} must lie inside {self.cidr.text} and be smaller")


class KubernetesPeer(Model):
    """Pods chosen by their own labels and those of their namespaces, or a block of addresses.

    Without `namespaceSelector` the pods are those of the policy's namespace.
    """

    pod_selector: LabelSelector | None = None
    """Pods with these labels; an empty selector means all."""
    namespace_selector: LabelSelector | None = None
    """Pods of namespaces with these labels; an empty selector means all namespaces."""
    ip_block: IPBlock | None = Field(default=None, alias="ipBlock")
    """Addresses instead of pods."""

    def problems(self, broken: frozenset[str]) -> Iterable[Problem]:
        """Something is chosen, and in one way only."""
        chosen = {"podSelector": self.pod_selector, "namespaceSelector": self.namespace_selector}
        written = [field for field, value in chosen.items() if value is not None or field in broken]
        is_block = self.ip_block is not None or "ipBlock" in broken
        if is_block and written:
            yield Problem(("ipBlock",), "peer", f"excludes {' and '.join(written)}: write two peers")
        if not is_block and not written:
            yield Problem(
                (), "peer", "names nobody: write podSelector, namespaceSelector or ipBlock ({} chooses all of a kind)"
            )


class KubernetesRule(Model):
    """One rule; an empty one allows everything in its direction."""

    ports: tuple[KubernetesPort, ...] | None = None
    """The ports that are allowed; absent or empty: every port."""

    @property
    def peers(self) -> tuple[KubernetesPeer, ...]:
        """Who is allowed; nobody named is everybody."""
        raise NotImplementedError


class KubernetesIngressRule(KubernetesRule):
    """Who may connect to the pods."""

    sources: tuple[KubernetesPeer, ...] | None = Field(default=None, alias="from")
    """Who is allowed; absent or empty: everybody."""

    @property
    def peers(self) -> tuple[KubernetesPeer, ...]:
        """`from`."""
        return self.sources or ()


class KubernetesEgressRule(KubernetesRule):
    """To whom the pods may connect."""

    destinations: tuple[KubernetesPeer, ...] | None = Field(default=None, alias="to")
    """To whom; absent or empty: to everybody."""

    @property
    def peers(self) -> tuple[KubernetesPeer, ...]:
        """`to`."""
        return self.destinations or ()


class KubernetesPolicySpec(Model):
    """Which pods are isolated in which direction, and what is allowed to them all the same."""

    pod_selector: LabelSelector = LabelSelector()
    """The pods that the policy isolates: those of its namespace with these labels; an empty selector means all."""
    policy_types: PolicyTypes = ()
    """The directions in which they are isolated. Where it was not written it is Ingress, and Egress where there are
    egress rules."""
    ingress: tuple[KubernetesIngressRule, ...] | None = None
    """What may connect to the pods. None: nothing, where they are isolated in this direction."""
    egress: tuple[KubernetesEgressRule, ...] | None = None
    """What the pods may connect to. None: nothing, where they are isolated in this direction."""

    @classmethod
    def completed(cls, data: dict[str, Any]) -> dict[str, Any]:
        """Absent or empty `policyTypes` mean Ingress, and Egress where there are egress rules."""
        if data.get("policyTypes", []) not in ([], ()):
            return data
        types = [PolicyType.INGRESS.value, *([PolicyType.EGRESS.value] if data.get("egress") else [])]
        return {**data, "policyTypes": types}
