"""The node's own addresses: names never open them, and who asks from one is the node."""

from dnsguard.netlink.addresses import machine_addresses


def own_addresses() -> frozenset[bytes]:
    """Packed addresses of all interfaces, loopback's too. Blocks for a moment. Raises OSError."""
    return frozenset(address.packed for _, address in machine_addresses())
