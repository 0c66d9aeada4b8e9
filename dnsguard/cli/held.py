"""The forwarder's sockets, held by whoever starts it: what is asked between two forwarders waits for the next."""

import socket
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress

from dnsguard.dns.listen.binding import bound_for_workers, stamp
from dnsguard.dns.listen.handed import pairs
from dnsguard.dns.listen.transparent import bound_transparent, is_transparent, places
from dnsguard.handover import Handed
from dnsguard.notify import NOBODY, ServiceManager
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
        manager: ServiceManager = NOBODY,
    ) -> None:
        """``given``: those that our own starter holds; where there are any, they are the ones to listen on.
        ``intercept_port``: None where nothing is intercepted. ``manager``: keeps those for what is intercepted for the
        next of us, and gave them back among ``given``. Raises BadHandover."""
        self._workers = workers
        self._intercept_port = intercept_port
        self._intercepting = False
        self._places = [(str(wanted.address), wanted.port) for wanted in where]
        self._manager = manager
        kept = [each for each in given if is_transparent(each.socket)]
        self._sockets = [each for each in given if each not in kept]
        if self._sockets:
            pairs(self._sockets, self._places, workers)
        self._take_back(kept)

    def _take_back(self, kept: Sequence[Handed]) -> None:
        """Those that one before us had; where they are not what is wanted now, nobody keeps them any more."""
        if not kept:
            return
        wanted = [(address, self._intercept_port) for address in places() for _ in range(2)]
        if sorted(each.socket.getsockname()[:2] for each in kept) == sorted(wanted):
            self._intercepting = True
            self._sockets += kept
            return
        for each in kept:
            self._manager.forget(each.name)
            each.socket.close()

    def to_hand_down(self) -> Sequence[Handed]:
        """All of them; none where one cannot be bound now: the forwarder tries by itself, and says what is wrong."""
        if not any(not is_transparent(each.socket) for each in self._sockets):
            with suppress(OSError):
                bound = [each for made in bound_for_workers(self._places, self._workers) for each in made]
                self._sockets = [*bound, *self._sockets]
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
        for name, sock in made:
            self._manager.keep(name, sock.fileno())

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
