"""Whom the rules of a table judge. Pure."""

from collections.abc import Mapping
from ipaddress import ip_address

from dnsguard.calc.compiled import Direction
from dnsguard.dataplane.actual import Actual
from dnsguard.dataplane.setnames import workload_map


def judged_addresses(actual: Actual) -> frozenset[str]:
    """The addresses of workloads that the table sends to rules of their own."""
    found: set[str] = set()
    for family in (4, 6):
        item = actual.sets.get(workload_map(Direction.EGRESS, family))
        if item is not None and isinstance(item.content, Mapping):
            found.update(str(ip_address(key)) for key in item.content)
    return frozenset(found)
