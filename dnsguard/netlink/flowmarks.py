"""Connections listed by their marks, and marked. It blocks, so it belongs to a thread beside the event loop."""

import errno
import os
import time
from collections.abc import Generator, Iterable
from struct import unpack_from
from typing import Final

from dnsguard.netlink import connections
from dnsguard.netlink.codec import header, packets
from dnsguard.netlink.connections import Connection
from dnsguard.netlink.flowsocket import TURN, FlowSocket
from dnsguard.netlink.socket import NetlinkError

_ERROR, _REQUEST, _ACKNOWLEDGE = 2, 1, 4

AT_ONCE: Final = 100
"""Connections marked in one datagram."""


class FlowMarks:
    """Connections of the network namespace that it was made in. For one thread at a time, which may mark some while it
    still lists.

    Everything raises `NetlinkError`, `NoAcknowledgementError`, `MalformedMessageError`; making it OSError.
    """

    def __init__(self) -> None:
        self._listing, self._marking = FlowSocket(), FlowSocket()

    def close(self) -> None:
        self._listing.close()
        self._marking.close()

    def marked(self, mask: int, value: int, deadline_s: float = 60.0) -> Generator[Connection, None, None]:
        """Those whose mark has this value in these bits, found by the kernel. Some may be missed or come twice: the
        table does not hold still."""
        for body in self._listing.listed(connections.marked_request(mask, value), time.monotonic() + deadline_s):
            # A kernel that does not know the filter lists more.
            if connections.mark_of(body) & mask == value:
                yield connections.connection(body)

    def others(self, mask: int, values: frozenset[int], deadline_s: float = 60.0) -> Generator[Connection, None, None]:
        """Those whose mark has none of these values in these bits; all of the table is read for them."""
        for body in self._listing.listed(bytes(4), time.monotonic() + deadline_s):
            if connections.mark_of(body) & mask not in values:
                yield connections.connection(body)

    def mark(self, found: Iterable[tuple[Connection, int]], mask: int, deadline_s: float = 30.0) -> int:
        """Make these bits of their marks what stands beside them; how many were there still."""
        rest, marked = list(found), 0
        for at in range(0, len(rest), AT_ONCE):
            marked += self._mark(rest[at : at + AT_ONCE], mask, time.monotonic() + deadline_s)
            time.sleep(TURN)
        return marked

    def _mark(self, found: list[tuple[Connection, int]], mask: int, give_up: float) -> int:
        subject = "marks of connections"
        first = self._marking.next_sequences(len(found))
        last = first + len(found) - 1
        messages = []
        for sequence, (each, value) in enumerate(found, first):
            body = connections.mark(each, mask, value)
            flags = _REQUEST | (_ACKNOWLEDGE if sequence == last else 0)
            messages.append(header(len(body), connections.NEW, flags, sequence) + body)
        self._marking.send(b"".join(messages), subject)
        gone = 0
        while True:
            for kind, _, sequence, body in packets(self._marking.received(give_up, subject)):
                if kind != _ERROR or sequence < first:
                    continue  # of what was given up
                number: int = -unpack_from("=i", body)[0]
                if number not in (0, errno.ENOENT):
                    raise NetlinkError(number, sequence - first, "mark of a connection", os.strerror(number))
                gone += number == errno.ENOENT
                if sequence == last:
                    return len(found) - gone
