"""The addresses of the machine's interfaces, beside what pyroute2 makes of the kernel's answer."""

from ipaddress import ip_address

from pyroute2 import IPRoute

from dnsguard.netlink.addresses import machine_addresses
from tests.support.netns import namespace


def test_every_address_of_every_interface_is_listed() -> None:
    with namespace() as node:
        node.run("ip link add far type veth peer name near")
        node.run("ip link set far up")
        node.run("ip addr add 192.0.2.1 peer 198.51.100.1 dev far")
        for number in range(300):
            node.run(f"ip addr add 2001:db8::{number + 1:x}/64 dev far nodad")
        with node.entered():
            found = list(machine_addresses())
            with IPRoute() as route:
                listed = [(each["index"], each.get("local") or each.get("address")) for each in route.get_addr()]
    assert found == [(index, ip_address(text)) for index, text in listed]
    addresses = {str(address) for _, address in found}
    assert {"127.0.0.1", "::1", "192.0.2.1", "2001:db8::12c"} <= addresses
    assert "198.51.100.1" not in addresses, "the other end of the link is not ours"
