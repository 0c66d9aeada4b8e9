"""The sockets that DNS is answered on, as they must be whoever made them: we, our supervisor or systemd."""

import socket
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Final

from dnsguard.handover import Handed

Place = tuple[str, int]
"""Address and port of a listener."""

ACCEPT_QUEUE: Final = 4096
"""Connections that may wait to be taken, as long as a restart lasts; net.core.somaxconn bounds it."""

RECEIVE_OCTETS: Final = 32 * 1024 * 1024
"""What may wait in a UDP socket. The kernel counts 768 octets for a query, more on some devices, and doubles what it
is asked for: this is 5 000 queries a second for as long as a client is patient (5 s), three times over. No memory is
taken before it is used."""

SO_TIMESTAMPNS: Final = 35  # asm-generic/socket.h; Python lacks it, and the two below
_SEND_OCTETS: Final = 4 * 1024 * 1024
_IP_PKTINFO: Final = 8
_SO_RCVBUFFORCE: Final = 33


def bound_udp(address: str, port: int, *, shared: bool = False) -> socket.socket:
    """A UDP socket on this address; ``shared``: one of several, among which the kernel divides what comes.

    Raises OSError.
    """
    return _bound(address, port, socket.SOCK_DGRAM, socket.IPPROTO_UDP, shared=shared)


def bound_tcp(address: str, port: int, *, shared: bool = False) -> socket.socket:
    """A TCP socket that listens on this address; ``shared`` as above. Raises OSError."""
    sock = _bound(address, port, socket.SOCK_STREAM, socket.IPPROTO_TCP, shared=shared)
    sock.listen(ACCEPT_QUEUE)
    return sock


def bound_for_workers(places: Sequence[Place], workers: int) -> list[list[Handed]]:
    """For each worker a UDP and a TCP socket on each place, named by protocol and worker, to be handed down.

    Raises OSError; none stays open then.
    """
    made: list[list[Handed]] = []
    try:
        for worker in range(workers):
            made.append(sockets := [])
            for place in places:
                for protocol, bound in ("udp", bound_udp), ("tcp", bound_tcp):
                    sockets.append(Handed(f"dns-{protocol}-{worker}", bound(*place, shared=workers > 1)))
    except OSError:
        for sockets in made:
            for each in sockets:
                each.socket.close()
        raise
    return made


def _bound(address: str, port: int, kind: socket.SocketKind, protocol: int, *, shared: bool) -> socket.socket:
    ipv6 = ip_address(address).version == 6
    # With the protocol spelled out, for asyncio turns Nagle's algorithm off only then.
    sock = socket.socket(socket.AF_INET6 if ipv6 else socket.AF_INET, kind, protocol)
    try:
        if ipv6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if kind == socket.SOCK_STREAM:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        else:
            prepare_udp(sock, wildcard=ip_address(address).is_unspecified)
        sock.bind((address, port))
    except OSError:
        sock.close()
        raise
    return sock


def prepare_udp(sock: socket.socket, *, wildcard: bool) -> None:
    """Set what can be set at any time: buffers, and with a wildcard that the kernel says where each query went to."""
    sock.setblocking(False)
    try:
        # Beyond net.core.rmem_max it takes CAP_NET_ADMIN.
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, RECEIVE_OCTETS)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_OCTETS)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_OCTETS)
    if wildcard and sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    elif wildcard:
        sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)


def stamp(sock: socket.socket, *, wanted: bool) -> None:
    """Have the kernel note from now on when each packet came, or no more. For while nobody reads."""
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, wanted)
