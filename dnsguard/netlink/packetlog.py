"""A netlink socket on which the kernel sends the packets that rules log to one group (NFLOG).

The kernel never waits for whoever reads: where this socket is full, packets are not logged, and what is missing is seen
from the numbers of those that come. It gives a group to one socket only, and takes it back when that is closed.
"""

import contextlib
import errno
import socket
import time
from struct import unpack_from
from typing import Final

from dnsguard.netlink import nflog
from dnsguard.netlink.codec import MalformedMessageError, header, packets
from dnsguard.netlink.socket import NetlinkError, NoAcknowledgementError

_NETLINK_NETFILTER: Final = 12
_SO_RCVBUFFORCE: Final = 33
_ERROR, _REQUEST_AND_ACK = 2, 5
_DATAGRAM: Final = 1 << 17

OCTETS: Final = 128
"""Of each packet: an IPv6 header, the extension headers that are met outside of laboratories, and ports."""

QUEUE: Final = 32
"""Packets of one datagram, at most."""

WAIT_MS: Final = 100
"""How long a packet may wait for others to fill a datagram."""

BUFFER: Final = 4 << 20
"""Bytes that wait for us; some ten thousand packets. Beyond the system's limit it is granted to root of the machine
only."""


class PacketLog:
    """One group. Belongs to one thread; after `open` nothing here blocks."""

    def __init__(self, group: int, buffer_bytes: int = BUFFER) -> None:
        self.group = group
        self.lost = 0
        """Packets that were logged and did not reach us, as far as one that came later told so."""

        self._buffer_bytes = buffer_bytes
        self._socket: socket.socket | None = None
        self._expected = 0
        self._before: list[nflog.Logged] = []

    @property
    def is_open(self) -> bool:
        return self._socket is not None

    def open(self, deadline_s: float = 1.0) -> None:
        """Take the group. Raises `NetlinkError` (EPERM: another program has it) and `NoAcknowledgementError`."""
        self.close()
        opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_NETFILTER)
        try:
            try:
                opened.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, self._buffer_bytes)
            except PermissionError:
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._buffer_bytes)
            opened.bind((0, 0))
            opened.connect((0, 0))  # from now on only the kernel can send to us
            body = nflog.take_request(self.group, OCTETS, QUEUE, WAIT_MS)
            kind = nflog.SUBSYSTEM << 8 | nflog.CONFIGURE
            opened.send(header(len(body), kind, _REQUEST_AND_ACK, 1) + body)
            self._expected = 0
            self._await_acknowledgement(opened, time.monotonic() + deadline_s)
        except BaseException:
            opened.close()
            raise
        opened.setblocking(False)
        self._socket = opened

    def close(self) -> None:
        """Give the group back."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def read(self) -> list[nflog.Logged] | None:
        """The packets of one datagram, the oldest first; None where nothing waits. Raises OSError where the socket is
        of no use any more."""
        if self._before:
            found, self._before = self._before, []
            return found
        if self._socket is None:
            return None
        try:
            datagram = self._socket.recv(_DATAGRAM)
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            return []  # how many did not fit is told by the next number
        return list(self._packets(datagram))

    def _packets(self, datagram: bytes) -> list[nflog.Logged]:
        found: list[nflog.Logged] = []
        wanted = nflog.SUBSYSTEM << 8 | nflog.PACKET
        with contextlib.suppress(MalformedMessageError):  # what is left out is missing in the numbers
            for kind, _, _, body in packets(datagram):
                if kind == wanted:
                    found.append(nflog.logged(body))
        for each in found:
            if each.sequence is not None:
                self.lost += nflog.lost_between(self._expected, each.sequence)
                self._expected = (each.sequence + 1) & 0xFFFFFFFF
        return found

    def _await_acknowledgement(self, opened: socket.socket, give_up: float) -> None:
        subject = f"NFLOG group {self.group}"
        while True:
            opened.settimeout(max(0.001, give_up - time.monotonic()))
            try:
                datagram = opened.recv(_DATAGRAM)
            except TimeoutError:
                raise NoAcknowledgementError(f"{subject}: the kernel did not answer in time") from None
            except OSError as error:
                raise NetlinkError(error.errno or errno.EIO, None, subject) from None
            with contextlib.suppress(MalformedMessageError):
                for kind, _, _, body in packets(datagram):
                    if kind == _ERROR:
                        refused = -unpack_from("=i", body)[0]
                        if refused:
                            # Sockets of netlink are for those who administer the network, so it is not the right to.
                            why = "another program has it" if refused == errno.EPERM else ""
                            raise NetlinkError(refused, None, subject, why)
                        return
            self._before += self._packets(datagram)


def name_of(interface: int) -> str:
    """The name of an interface by its index; empty for none, or for one that is gone."""
    try:
        return socket.if_indextoname(interface) if interface else ""
    except (OSError, OverflowError):
        return ""
