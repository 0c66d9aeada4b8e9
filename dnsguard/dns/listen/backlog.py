"""What waited in a UDP socket while nobody read it: taken no faster than it is answered, and not what is too old.

All at once it would be refused: the limits of the relay are there for clients that ask too much, not for those who had
to wait. Once the socket has been empty, or after some seconds under a load that never lets it be, the limits are right
again, and the listener reads by itself.
"""

import asyncio
import select
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from struct import Struct
from typing import Final

from dnsguard.dns.listen.binding import SO_TIMESTAMPNS, stamp
from dnsguard.dns.listen.udp import UdpListener

PATIENCE: Final = 5.0
"""Seconds after which a stub resolver has asked again or given up (resolv.conf(5): timeout)."""

WINDOW: Final = 128
"""Queries that may wait for an answer before more are read. With the batch that is read at once it stays below what
the relay lets one client have."""

_PAUSE: Final = 0.001
_ANCILLARY: Final = 256
_timespec = Struct("@qq")


def discard_stale(sock: socket.socket, now: float) -> int:
    """Throw away what nobody waits for any more; how many packets. ``now``: seconds since 1970.

    Packets wait in the order they came. One that came before ``stamp`` counts as fresh. Needs a socket that does not
    block.
    """
    discarded = 0
    with suppress(BlockingIOError):
        while _arrival(sock, now) < now - PATIENCE:
            sock.recv(1)
            discarded += 1
    return discarded


def _arrival(sock: socket.socket, otherwise: float) -> float:
    """When the first packet came. Raises BlockingIOError where there is none."""
    _, ancillary, _, _ = sock.recvmsg(1, _ANCILLARY, socket.MSG_PEEK)
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
            seconds, nanoseconds = _timespec.unpack(data)
            return float(seconds + nanoseconds / 1e9)
    return otherwise


async def take_backlog(listener: UdpListener, waiting: Callable[[], int]) -> int:
    """Read what has waited, then have the listener read by itself; how many packets were too old.

    ``waiting``: queries without an answer yet.
    """
    loop = asyncio.get_running_loop()
    give_up = loop.time() + PATIENCE
    discarded = discard_stale(listener.sock, time.time())
    stamp(listener.sock, wanted=False)
    while not listener.stopped and _is_readable(listener.sock) and loop.time() < give_up:
        if waiting() < WINDOW:
            listener.drain()
            await asyncio.sleep(0)
        else:
            await asyncio.sleep(_PAUSE)
    listener.start()
    return discarded


def _is_readable(sock: socket.socket) -> bool:
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))
