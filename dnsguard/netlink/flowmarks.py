"""A netlink socket that lists connections by their marks, and marks them. It blocks, so it belongs to a thread beside
the event loop."""

import errno
import os
import socket
import time
from collections.abc import Generator, Iterable
from struct import unpack_from
from typing import Final

from dnsguard.netlink import connections, conntrack
from dnsguard.netlink.codec import header, packets
from dnsguard.netlink.connections import Connection
from dnsguard.netlink.socket import NetlinkError, NoAcknowledgementError

_NETLINK_NETFILTER: Final = 12
_ERROR, _DONE, _REQUEST, _ACKNOWLEDGE = 2, 3, 1, 4
_DATAGRAM: Final = 16_384
_TURN: Final = 50e-6
"""Seconds that other threads have to themselves after each datagram; see `flowlist`."""

AT_ONCE: Final = 100
"""Connections marked in one datagram."""


class FlowMarks:
    """Connections of the network namespace that it was made in. For one thread at a time, which may mark some while it
    still lists.

    Everything raises `NetlinkError`, `NoAcknowledgementError`, `MalformedMessageError` and OSError.
    """

    def __init__(self) -> None:
        self._listing, self._marking = _opened(), _opened()
        self._sequence = 0

    def close(self) -> None:
        self._listing.close()
        self._marking.close()

    def marked(self, mask: int, value: int, deadline_s: float = 60.0) -> Generator[Connection, None, None]:
        """Those whose mark has this value in these bits, found by the kernel. Some may be missed or come twice: the
        table does not hold still."""
        for body in self._list(connections.marked_request(mask, value), deadline_s):
            # A kernel that does not know the filter lists more.
            if connections.mark_of(body) & mask == value:
                yield connections.connection(body)

    def others(self, mask: int, values: frozenset[int], deadline_s: float = 60.0) -> Generator[Connection, None, None]:
        """Those whose mark has none of these values in these bits; all of the table is read for them."""
        for body in self._list(bytes(4), deadline_s):
            if connections.mark_of(body) & mask not in values:
                yield connections.connection(body)

    def mark(self, found: Iterable[tuple[Connection, int]], mask: int, deadline_s: float = 30.0) -> int:
        """Make these bits of their marks what stands beside them; how many were there still."""
        rest, marked = list(found), 0
        for at in range(0, len(rest), AT_ONCE):
            marked += self._mark(rest[at : at + AT_ONCE], mask, time.monotonic() + deadline_s)
            time.sleep(_TURN)
        return marked

    def _mark(self, found: list[tuple[Connection, int]], mask: int, give_up: float) -> int:
        first = self._sequence + 1
        self._sequence += len(found)
        messages = []
        for sequence, (each, value) in enumerate(found, first):
            body = connections.mark(each, mask, value)
            flags = _REQUEST | (_ACKNOWLEDGE if sequence == self._sequence else 0)
            messages.append(header(len(body), connections.NEW, flags, sequence) + body)
        self._marking.send(b"".join(messages))
        gone = 0
        while True:
            for kind, _, sequence, body in packets(_received(self._marking, give_up, "marks of connections")):
                if kind != _ERROR or sequence < first:
                    continue  # of what was given up
                number: int = -unpack_from("=i", body)[0]
                if number not in (0, errno.ENOENT):
                    raise NetlinkError(number, sequence - first, "mark of a connection", os.strerror(number))
                gone += number == errno.ENOENT
                if sequence == self._sequence:
                    return len(found) - gone

    def _list(self, body: bytes, deadline_s: float) -> Generator[bytes, None, None]:
        give_up = time.monotonic() + deadline_s
        self._sequence += 1
        sequence = self._sequence
        kind = conntrack.SUBSYSTEM << 8 | conntrack.GET
        self._listing.send(header(len(body), kind, _REQUEST | conntrack.FLAG_DUMP, sequence) + body)
        ended = False
        try:
            while True:
                time.sleep(_TURN)
                for got, _, number, answer in packets(_received(self._listing, give_up, "list of connections")):
                    if number != sequence:
                        continue
                    if got in (_DONE, _ERROR):
                        ended = True
                        if got == _DONE:
                            return
                        raise NetlinkError(-unpack_from("=i", answer)[0], None, "list of connections")
                    yield answer
        finally:
            if not ended:  # the kernel begins no other list on this socket before it has sent all of this one
                self._listing.close()
                self._listing = _opened()


def _opened() -> socket.socket:
    opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_NETFILTER)
    opened.bind((0, 0))
    return opened


def _received(opened: socket.socket, give_up: float, subject: str) -> bytes:
    opened.settimeout(max(0.001, give_up - time.monotonic()))
    try:
        return opened.recv(_DATAGRAM)
    except TimeoutError:
        raise NoAcknowledgementError(f"{subject}: the kernel did not answer in time") from None
    except OSError as error:
        raise NetlinkError(error.errno or 0, None, subject, os.strerror(error.errno or 0)) from None
