"""Packets, and one workload that sends them."""

from ipaddress import ip_address
from typing import Any

from dnsguard.calc.compile import compile_policy
from dnsguard.calc.compiled import Address, Direction, EndpointId, PolicyId
from dnsguard.calc.evaluator.evaluate import Evaluator
from dnsguard.calc.evaluator.packet import TCP, Packet
from dnsguard.calc.evaluator.trace import Judgement
from dnsguard.resources import Resource
from tests.unit.calc.builders import policy, workload

W = EndpointId("WorkloadEndpoint", "shop", "w")
OUT = "203.0.113.5"

P = PolicyId("NetworkPolicy", "shop", "p")


def packet(source: str, destination: str, protocol: int = TCP, port: int | None = 443, **more: Any) -> Packet:
    return Packet(ip_address(source), ip_address(destination), protocol, destination_port=port, **more)


def egress(*rules: dict[str, Any], **spec: Any) -> Resource:
    return policy("p", types=["Egress"], egress=list(rules), **spec)


def judged(resources: list[Resource], probe: Packet, leased: dict[str, set[str]] | None = None) -> Judgement:
    """The judgement of `w` in shop on a packet from it; `leased` says which client holds which addresses."""
    compiled = compile_policy([workload("w", "10.0.0.1", "fd00::1", labels={"app": "w"}), *resources])

    def lookup(_lease_set: str, client: Address, address: Address) -> bool:
        return str(address) in (leased or {}).get(str(client), ())

    return Evaluator(compiled).judge(W, Direction.EGRESS, probe, lookup)
