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


BRIDGE_SET = "workload-bridges"
"""Bridges with workloads behind their ports, and those that the settings name."""

MANAGED_BRIDGE_SET = "managed-bridges"
"""Bridges whose every port is a workload's; in the table of family ``bridge``."""

# In the table of family ``bridge``, where interfaces are ports:

PORT_SET = "workload-ports"
"""Ports that one of this node's workload endpoints is behind."""

MAC_PORT_SET = "ports-with-mac"
"""Those of them whose endpoint says its Ethernet address."""

CLOSED_PORT_SET = "closed-ports"
"""Ports that are for workloads by their name or their bridge's, and have no endpoint."""

OTHER_PORT_SET = "other-ports"
"""Whatever else is plugged into a bridge with workloads."""

MAC_SET = "port-macs"
"""(port, Ethernet address) of those that say one."""

BRIDGED_MAC_SET = "bridged-macs"
"""The Ethernet addresses of those."""

PORT_TARGET_SET = "port-targets"
"""(port, IPv6 address) as neighbour discovery has it."""

BRIDGED_TARGET_SET = "bridged-targets"
"""The IPv6 addresses of `bridged_set`, as neighbour discovery has them."""


def port_source_set(family: int) -> str:
    """(port, address): what may come from there, and go there."""
    return f"port-sources-{family}"


def bridged_set(family: int) -> str:
    """Addresses of workloads behind ports."""
    return f"bridged-workloads-{family}"
