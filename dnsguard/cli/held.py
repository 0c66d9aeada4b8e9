"""The forwarder's sockets, held by whoever starts it: what is asked between two forwarders waits for the next."""

import socket
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress

from dnsguard.dns.listen.binding import bound_for_workers, stamp
from dnsguard.dns.listen.handed import pairs
from dnsguard.dns.listen.transparent import bound_transparent, places
from dnsguard.handover import Handed
from dnsguard.settings import SocketAddress

INTERCEPT_UDP, INTERCEPT_TCP = "intercept-udp", "intercept-tcp"


class HeldSockets:
    """A UDP and a TCP socket for each place to listen on and for each worker, and those for what is intercepted."""

    def __init__(
        self,
        where: Iterable[SocketAddress],
        given: Sequence[Handed] = (),
        workers: int = 1,
        intercept_port: int | None = None,
    ) -> None:
        """``given``: those that our own starter holds; where there are any, they are the ones to listen on.
        ``intercept_port``: None where nothing is intercepted. Raises BadHandover."""
        self._workers = workers
        self._intercept_port = intercept_port
        self._intercepting = False
        self._places = [(str(wanted.address), wanted.port) for wanted in where]
        self._sockets = list(given)
        if given:
            pairs(given, self._places, workers)

    def to_hand_down(self) -> Sequence[Handed]:
        """All of them; none where one cannot be bound now: the forwarder tries by itself, and says what is wrong."""
        if not self._sockets:
            with suppress(OSError):
                self._sockets = [each for made in bound_for_workers(self._places, self._workers) for each in made]
        if self._sockets and not self._intercepting and self._intercept_port is not None:
            self._intercept(self._intercept_port)
        return tuple(self._sockets)

    def _intercept(self, port: int) -> None:
        """All or none, as above."""
        with ExitStack() as undone:
            made: list[tuple[str, socket.socket]] = []
            try:
                for address in places():
                    for name, kind in (INTERCEPT_UDP, socket.SOCK_DGRAM), (INTERCEPT_TCP, socket.SOCK_STREAM):
                        made.append((name, undone.enter_context(bound_transparent(address, port, kind))))
            except OSError:
                return
            undone.pop_all()
        self._intercepting = True
        self._sockets += [Handed(name, sock) for name, sock in made]

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
        self._intercepting = False
