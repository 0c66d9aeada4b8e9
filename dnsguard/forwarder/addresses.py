"""The node's own addresses: names never open them, and who asks from one is the node."""

from ipaddress import ip_address

from pyroute2 import IPRoute


def own_addresses() -> frozenset[bytes]:
    """Packed addresses of all interfaces, loopback's too. Blocks for a moment. Raises OSError."""
    found = set()
    with IPRoute() as route:
        for message in route.get_addr():
            # On a point-to-point link ``address`` is the other end.
            text = message.get("local") or message.get("address")
            if text is not None:
                found.add(ip_address(text).packed)
    return frozenset(found)
