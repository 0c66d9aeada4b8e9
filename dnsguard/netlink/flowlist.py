"""Connections listed by who opened them. It blocks, so it belongs to a thread beside the event loop."""

import time
from collections.abc import Iterator
from typing import Final

from dnsguard.netlink import conntrack
from dnsguard.netlink.flowsocket import FlowSocket

FEW: Final = 10
"""Clients for each of which the kernel is asked by itself; of more the whole table is read."""


class FlowList:
    """Lists connections of the network namespace that it was made in. For one thread at a time."""

    def __init__(self) -> None:
        """Raises OSError."""
        self._socket = FlowSocket()

    def close(self) -> None:
        self._socket.close()

    def opened_by(self, clients: frozenset[bytes], deadline_s: float = 30.0) -> Iterator[conntrack.Flow]:
        """Answered connections that these packed addresses opened. Some may be missed or come twice: the table does
        not hold still. Raises `NetlinkError`, `NoAcknowledgementError`, `MalformedMessageError`."""
        give_up = time.monotonic() + deadline_s
        for family, length in ((conntrack.IPV4, 4), (conntrack.IPV6, 16)):
            ours = frozenset(client for client in clients if len(client) == length)
            # The kernel goes through all of its table for each list, and does so at ten times our speed. Asked for one
            # IPv6 source, Linux up to 6.18 at least leaves out just that: its comparison is the wrong way round.
            one_by_one = family == conntrack.IPV4 and len(ours) <= FEW
            for source in ours if one_by_one else (None,) if ours else ():
                for body in self._socket.listed(conntrack.list_request(family, source), give_up):
                    if conntrack.opened_by(body) in ours:
                        yield conntrack.flow(body)
