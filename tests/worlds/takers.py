"""Sockets of the node that take what is intercepted, in the place of the forwarder's. They never answer: what the
kernel would say for them ends in the node's own output, before connection tracking sees it."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from dnsguard.dataplane.settings import INTERCEPTED_MARK
from dnsguard.dns.listen.transparent import LOOPBACK, bound_transparent
from dnsguard.locations import INTERCEPT_PORT
from dnsguard.netlink.localdelivery import LocalDelivery
from tests.support.netns import Namespace

_SO_MARK, _SILENT = 36, 0x777
_SILENCE = (
    f"table inet silence {{ chain out {{ type filter hook output priority -350; meta mark {_SILENT} drop; }}\n}}\n"
)


@contextmanager
def takers(node: Namespace) -> Iterator[None]:
    """In place while entered."""
    node.run("nft -f -", _SILENCE)
    with ExitStack() as opened:
        with node.entered():
            LocalDelivery(INTERCEPTED_MARK).ensure()
            for address in LOOPBACK:
                for kind in socket.SOCK_DGRAM, socket.SOCK_STREAM:
                    opened.enter_context(_taker(address, kind))
        yield


def _taker(address: str, kind: socket.SocketKind) -> socket.socket:
    taker = bound_transparent(address, INTERCEPT_PORT, kind)
    taker.setsockopt(socket.SOL_SOCKET, _SO_MARK, _SILENT)
    return taker
