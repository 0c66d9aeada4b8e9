"""The forwarder's sockets, held by whoever starts it: what is asked between two forwarders waits for the next."""

import socket
from collections.abc import Iterable, Sequence
from contextlib import suppress

from dnsguard.dns.listen.binding import bound_for_workers, stamp
from dnsguard.dns.listen.handed import pairs
from dnsguard.handover import Handed
from dnsguard.settings import SocketAddress


class HeldSockets:
    """A UDP and a TCP socket for each place to listen on, and for each worker."""

    def __init__(self, where: Iterable[SocketAddress], given: Sequence[Handed] = (), workers: int = 1) -> None:
        """``given``: those that our own starter holds; where there are any, they are the ones. Raises BadHandover."""
        self._workers = workers
        self._places = [(str(wanted.address), wanted.port) for wanted in where]
        self._sockets = list(given)
        if given:
            pairs(given, self._places, workers)

    def to_hand_down(self) -> Sequence[Handed]:
        """All of them; none where one cannot be bound now: the forwarder tries by itself, and says what is wrong."""
        if not self._sockets:
            with suppress(OSError):
                self._sockets = [each for made in bound_for_workers(self._places, self._workers) for each in made]
        return tuple(self._sockets)

    def wait(self) -> None:
        """Nobody reads them for now: whoever comes next is to know how long each query has waited."""
        for each in self._sockets:
            if each.socket.type == socket.SOCK_DGRAM:
                stamp(each.socket, wanted=True)

    def close(self) -> None:
        """Let go of them: from now on the kernel says that nobody is there."""
        for each in self._sockets:
            each.socket.close()
        self._sockets.clear()
