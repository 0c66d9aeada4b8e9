"""The sockets that DNS is answered on."""

import socket
from contextlib import closing
from pathlib import Path

import pytest

from dnsguard.dns.listen.binding import RECEIVE_OCTETS, bound_tcp, bound_udp, prepare_udp

_SO_RCVBUFFORCE = 33


def most_that_is_granted() -> int:
    """Octets of a receive buffer, as the kernel counts: beyond its usual bound for root of the machine only."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        try:
            probe.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, RECEIVE_OCTETS)
        except PermissionError:
            return 2 * min(RECEIVE_OCTETS, int(Path("/proc/sys/net/core/rmem_max").read_text()))
    return 2 * RECEIVE_OCTETS


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::1", "::"])
def test_queries_may_wait_as_long_as_the_kernel_lets_them(address: str) -> None:
    with closing(bound_udp(address, 0)) as sock:
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == most_that_is_granted()
        assert not sock.getblocking()


def test_a_socket_that_somebody_else_bound_is_made_the_same() -> None:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
        sock.bind(("0.0.0.0", 0))
        prepare_udp(sock, wildcard=True)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == most_that_is_granted()
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as client:
            client.sendto(b"question", ("127.0.0.53", sock.getsockname()[1]))
            sock.settimeout(10)
            _, ((level, _, info),), _, _ = sock.recvmsg(100, 100)
        assert (level, info[8:12]) == (socket.IPPROTO_IP, socket.inet_aton("127.0.0.53"))


def test_both_wildcards_have_the_same_port() -> None:
    with closing(bound_udp("::", 0)) as six, closing(bound_udp("0.0.0.0", six.getsockname()[1])):
        pass
    with closing(bound_tcp("::", 0)) as six, closing(bound_tcp("0.0.0.0", six.getsockname()[1])):
        pass


def test_a_taken_port_is_said() -> None:
    for bind in bound_udp, bound_tcp:
        with closing(bind("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
            bind("127.0.0.1", taken.getsockname()[1])
