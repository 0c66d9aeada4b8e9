"""A netlink socket to interfaces and routes: one request, its acknowledgement. Blocks for moments."""

import errno
from types import TracebackType
from typing import Self

from dnsguard.netlink import linkmessages
from dnsguard.netlink.codec import header, packets
from dnsguard.netlink.linkmessages import Link
from dnsguard.netlink.rtnetlink import DATAGRAM, ERROR, opened, raise_refusal

_REQUEST, _ACKNOWLEDGE = 0x1, 0x4


class RouteSocket:
    """For one thread at a time; speaks of the network namespace that it was made in."""

    def __init__(self) -> None:
        """Raises OSError."""
        self._socket = opened()
        self._sequence = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def request(self, kind: int, body: bytes, flags: int = 0) -> bytes:
        """Have it done; what the kernel says of it, where that is anything. Raises OSError where it refuses."""
        self._sequence += 1
        asked = header(len(body), kind, flags | _REQUEST | _ACKNOWLEDGE, self._sequence) + body
        self._socket.send(asked)
        answer = b""
        while True:
            for got, _, sequence, said in packets(self._socket.recv(DATAGRAM)):
                if sequence != self._sequence:
                    continue
                if got == ERROR:
                    raise_refusal(said)
                    return answer
                answer = said

    def link(self, name: str) -> Link | None:
        """The interface of that name; None where there is none. Raises OSError."""
        try:
            return linkmessages.link(self.request(linkmessages.GET_LINK, linkmessages.by_name(name)))
        except OSError as error:
            if error.errno == errno.ENODEV:
                return None
            raise
