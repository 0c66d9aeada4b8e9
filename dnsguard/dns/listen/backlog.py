"""What waited in a socket while nobody read it: taken no faster than it is answered, and not what is too old.

All at once it would be refused: the limits of the relay and of connections are there for clients that ask too much, not
for those who had to wait. Once the socket is empty and few wait for an answer, or after some seconds under a load that
never lets it be so, the limits are right again, and the listener reads by itself.
"""

import asyncio
import select
import socket
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address
from struct import Struct
from typing import Final

from dnsguard.dns.listen.binding import SO_TIMESTAMPNS, stamp
from dnsguard.dns.listen.datagrams import Datagrams
from dnsguard.dns.listen.tcp import TcpListener

PATIENCE: Final = 5.0
"""Seconds after which a stub resolver has asked again or given up (resolv.conf(5): timeout)."""

WINDOW: Final = 184
"""Queries that may wait for an answer before more are read. With the batch that is read at once it stays below what
the relay lets one client have."""

FEW: Final = WINDOW // 2
"""While so many wait it is not over: upstream may just have been asked."""

_PAUSE: Final = 0.001
_LONGER_PAUSE: Final = 0.005
"""Thousands of connections may be looked at after each."""

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


async def take_backlog(listener: Datagrams, waiting: Callable[[], int]) -> int:
    """Read what has waited, then have the listener read by itself; how many packets were too old.

    ``waiting``: queries without an answer yet.
    """
    loop = asyncio.get_running_loop()
    give_up = loop.time() + PATIENCE
    discarded = discard_stale(listener.sock, time.time())
    stamp(listener.sock, wanted=False)
    while not listener.stopped and loop.time() < give_up:
        if waiting() < WINDOW and _is_readable(listener.sock):
            listener.drain()
            await asyncio.sleep(0)
        elif waiting() >= FEW:
            await asyncio.sleep(_PAUSE)
        else:
            break
    listener.start()
    return discarded


def _is_readable(sock: socket.socket) -> bool:
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


async def take_connections(listener: TcpListener) -> None:
    """Serve the connections that have waited, those of a client that has all it may have when others of its end; then
    have the listener take connections by itself. What a client still has too much after some seconds is refused."""
    loop = asyncio.get_running_loop()
    give_up = loop.time() + PATIENCE
    parked: deque[tuple[socket.socket, bytes]] = deque()
    try:
        while not listener.stopped and loop.time() < give_up and (waited := _accepted(listener.sock)) is not None:
            if listener.is_full_for(waited[1]):
                parked.append(waited)
            else:
                await listener.take(waited[0])
        await listener.start()
        while parked and not listener.stopped:
            await asyncio.sleep(_LONGER_PAUSE)
            for _ in range(len(parked)):
                accepted, client = parked.popleft()
                if listener.is_full_for(client) and loop.time() < give_up:
                    parked.append((accepted, client))
                else:
                    await listener.take(accepted)
    finally:
        for accepted, _ in parked:
            accepted.close()


def _accepted(sock: socket.socket) -> tuple[socket.socket, bytes] | None:
    """A connection and its client; none where none waits, or where we have no room for one."""
    try:
        accepted, peer = sock.accept()
    except OSError:
        return None
    accepted.setblocking(False)
    return accepted, ip_address(peer[0].partition("%")[0]).packed
