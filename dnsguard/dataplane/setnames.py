"""What the maps and sets of workload endpoints are called. Pure."""

from dnsguard.calc.compiled import Direction


def workload_map(direction: Direction, family: int) -> str:
    """Addresses of this node's workload endpoints → the class that judges them."""
    return f"workload-{direction}-{family}"


def local_set(family: int) -> str:
    """Addresses of this node's workload endpoints."""
    return f"local-workloads-{family}"


def remote_set(family: int) -> str:
    """Addresses of other nodes' workload endpoints; their own node judges them."""
    return f"remote-workloads-{family}"


INTERFACE_SET = "workload-interfaces"
"""Interfaces that one of this node's workload endpoints is known to be behind."""


def source_set(family: int) -> str:
    """(interface, address) of this node's workload endpoints: what may come from there."""
    return f"workload-sources-{family}"


def cidr_set(family: int) -> str:
    """Where workloads live."""
    return f"workload-cidrs-{family}"


def unlocated_set(family: int) -> str:
    """Addresses of those whose endpoint names no interface: they may come from anywhere."""
    return f"unlocated-workloads-{family}"
