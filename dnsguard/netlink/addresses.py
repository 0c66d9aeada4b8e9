"""The addresses of the machine's interfaces, as the kernel lists them."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address


def machine_addresses() -> Iterator[tuple[int, IPv4Address | IPv6Address]]:
    """Each address with the index of its interface, loopback's too. Blocks for a moment. Raises OSError."""
    from pyroute2 import IPRoute  # a fifth of the controller's start-up time, and seldom needed there

    with IPRoute() as route:
        for message in route.get_addr():
            # On a point-to-point link ``address`` is the other end.
            text = message.get("local") or message.get("address")
            if text is not None:
                yield message["index"], ip_address(text)
