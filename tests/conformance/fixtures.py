"""The endpoints and learned names that every case starts from."""

from collections.abc import Mapping
from typing import Any

from dnsguard.calc.compiled import Address, Compiled
from dnsguard.calc.evaluator.matching import LeaseLookup
from dnsguard.domains import wire_name
from dnsguard.resources import Resource, parse_object
from tests.conformance.data_files import load

_FIXTURES = load("fixtures.yaml")


def endpoints() -> list[Resource]:
    """The endpoints as resources, all on one node."""
    return [parse_object(_endpoint(fixture)) for fixture in _FIXTURES["endpoints"]]


def _endpoint(fixture: Mapping[str, Any]) -> dict[str, Any]:
    workload = fixture["kind"] == "WEP"
    spec: dict[str, Any] = {"node": "node-a", "ports": _ports(fixture["ports"])}
    if workload:
        spec |= {
            "interfaceName": f"cali{fixture['name']}",
            "ipNetworks": fixture["addresses"],
            "profiles": [f"kns.{fixture['namespace']}"],
        }
    else:
        spec |= {"interfaceName": "eth0", "expectedIPs": fixture["addresses"]}
    metadata = {"name": fixture["name"], "labels": fixture["labels"]}
    if workload:
        metadata["namespace"] = fixture["namespace"]
    return {
        "apiVersion": "projectcalico.org/v3",
        "kind": "WorkloadEndpoint" if workload else "HostEndpoint",
        "metadata": metadata,
        "spec": spec,
    }


def _ports(text: str | None) -> list[dict[str, Any]]:
    """`dns UDP 53, dns-tcp TCP 53` as the field `ports`."""
    entries = [entry.split() for entry in text.split(",")] if text else []
    return [{"name": name, "protocol": protocol, "port": int(port)} for name, protocol, port in entries]


def leases(compiled: Compiled) -> LeaseLookup:
    """What the fixtures' DNS answers lead to. The published cases share it on the node: every client holds it."""
    records = [record for record in _FIXTURES["dns"] if record["state"] == "valid"]
    aliases = {record["owner"]: record["value"] for record in records if record["type"] == "CNAME"}
    names_of: dict[str, set[bytes]] = {}
    for asked in {record["owner"] for record in records}:
        chain = [asked]
        while chain[-1] in aliases:
            chain.append(aliases[chain[-1]])
        for record in records:
            if record["owner"] == chain[-1] and record["type"] in ("A", "AAAA"):
                names_of.setdefault(record["value"], set()).update(map(wire_name, chain))

    def leased(lease_set: str, _client: Address, address: Address) -> bool:
        patterns = compiled.lease_sets[lease_set].patterns
        return any(pattern.matches(name) for pattern in patterns for name in names_of.get(str(address), ()))

    return leased
