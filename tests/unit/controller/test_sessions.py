"""Who is connected to a port of this machine."""

import socket
from ipaddress import ip_address

from dnsguard.controller.sessions import Session, listed, sessions
from tests.support.netns import link, namespace

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"


def test_established_ones_to_these_ports_from_elsewhere() -> None:
    lines = [
        HEAD,
        "   0: 010200C0:0016 0A0200C0:8A0C 01 00000000:00000000",
        "   1: 010200C0:0016 0A0200C0:8A0D 01 00000000:00000000",
        "   2: 010200C0:0016 0B0200C0:8A0C 06 00000000:00000000",
        "   3: 010200C0:0050 0C0200C0:8A0C 01 00000000:00000000",
        "   4: 0100007F:0016 0100007F:8A0C 01 00000000:00000000",
        "   5: B80D0120000000000000000001000000:0016 B80D0120000000000000000010000000:8A0C 01 0:0",
        "   6: 0000000000000000FFFF0000010200C0:0016 0000000000000000FFFF00000D0200C0:8A0C 01 0:0",
        "",
    ]
    node = ip_address("192.0.2.1")
    assert list(dict.fromkeys(listed(lines, [22]))) == [
        Session(ip_address("192.0.2.10"), node, 22),
        Session(ip_address("2001:db8::10"), ip_address("2001:db8::1"), 22),
        Session(ip_address("192.0.2.13"), node, 22),
    ]


def test_they_are_those_of_the_callers_network() -> None:
    with namespace() as node, namespace() as outside:
        link(node, "eth0", outside, "eth0")
        node.run("ip address add 192.0.2.1/24 dev eth0")
        outside.run("ip address add 192.0.2.10/24 dev eth0")
        with node.entered(), socket.create_server(("192.0.2.1", 22)) as listening:
            assert list(sessions([22])) == []
            with outside.entered():
                connected = socket.create_connection(("192.0.2.1", 22), timeout=5)
            with connected, listening.accept()[0]:
                assert list(sessions([22])) == [Session(ip_address("192.0.2.10"), ip_address("192.0.2.1"), 22)]
                assert list(sessions([80])) == []
