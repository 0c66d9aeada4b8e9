"""The canary's pair of interfaces: what is sent at the far end comes in at the near end, and is forwarded back there.

The far end is in a network namespace of its own where one may be made, and beside the near end otherwise; nobody has an
address there either way. Neither end asks for neighbours or tells of itself, so no packet but the canary's own ever
passes, but for the kernel's one report of multicast groups (RFC 3810) when it is made.

Known by its hardware addresses: what an earlier run left is taken away, what others made is not touched.
"""

import errno
import os
import socket
from collections.abc import Iterable
from typing import Literal

from dnsguard.netlink import linkmessages
from dnsguard.netlink.linkmessages import Road
from dnsguard.netlink.namespaces import in_new_namespace
from dnsguard.netlink.routesocket import RouteSocket

Way = Literal["namespace", "veth"]

_NEAR, _FAR = b"\x02dnca\x00", b"\x02dnca\x01"
"""Locally administered, as IEEE 802 has it."""

_EVERY_PROTOCOL = 3
_PROTOCOLS = {4: b"\x08\x00", 6: b"\x86\xdd"}
_FRAME = 2048
_HEADER = 14
_GONE = (errno.ENODEV, errno.ENETDOWN, errno.ENXIO)


class NotOurs(OSError):
    """There is an interface of that name, and others made it."""

    def __init__(self, name: str) -> None:
        super().__init__(errno.EEXIST, f"there is an interface {name}, and others made it")


class CanaryPair:
    """One pair. `make`, `mend` and `close` block for moments; the rest is for an event loop."""

    def __init__(self, near: str, far: str) -> None:
        self._near = near
        self._far = far
        self._socket: socket.socket | None = None
        self.way: Way = "namespace"
        """Where the far end is: in a namespace of its own, or both ends of the veth pair here."""

    @property
    def is_made(self) -> bool:
        return self._socket is not None

    def make(self, roads: Iterable[Road]) -> None:
        """Make it, in place of what an earlier run left. Raises OSError."""
        self.close()
        try:
            with RouteSocket() as here:
                self._make(here)
            self.mend(roads)
        except OSError:
            self.close()
            raise

    def mend(self, roads: Iterable[Road]) -> None:
        """Make again what others may have changed of it, its namespace and interfaces apart. Raises OSError."""
        with RouteSocket() as here:
            here.request(linkmessages.SET_LINK, linkmessages.quieten(self._near, forwards=True))
            here.request(linkmessages.SET_LINK, linkmessages.set_up(self._near))
            found = here.link(self._near)
            if found is None:
                raise self._gone()
            for road in roads:
                for body in linkmessages.routes(road, found.number):
                    here.request(linkmessages.NEW_ROUTE, body, linkmessages.CREATE | linkmessages.REPLACE)

    def close(self) -> None:
        """Take it away; without effect where there is none. Raises OSError."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        remove_pair(self._near)

    def send(self, packet: bytes, family: int) -> None:
        """Have it come in at the near end. Raises OSError; `FileNotFoundError` where the pair is gone."""
        try:
            self._opened.send(_NEAR + _FAR + _PROTOCOLS[family] + packet)
        except OSError as error:
            if error.errno in _GONE:
                raise self._gone() from None
            raise

    def received(self) -> list[bytes]:
        """The packets that came out at the far end since the last call. Raises OSError as ``send`` does."""
        found: list[bytes] = []
        while True:
            try:
                frame = self._opened.recv(_FRAME)
            except BlockingIOError:
                return found
            except OSError as error:
                if error.errno in _GONE:
                    raise self._gone() from None
                raise
            found.append(frame[_HEADER:])

    @property
    def _opened(self) -> socket.socket:
        if self._socket is None:
            raise self._gone()
        return self._socket

    def _make(self, here: RouteSocket) -> None:
        try:
            self._socket, self.way = in_new_namespace(lambda: self._made(here, _namespace())), "namespace"
        except OSError:  # of many kinds: not permitted, none left, not in this kernel
            remove_pair(self._near)
            self._socket, self.way = self._made(here, None), "veth"

    def _made(self, here: RouteSocket, namespace: int | None) -> socket.socket:
        """In the namespace of the far end. ``here`` is where the near one is."""
        try:
            made = linkmessages.add_pair(self._near, _NEAR, self._far, _FAR, namespace)
            here.request(linkmessages.NEW_LINK, made, linkmessages.CREATE | linkmessages.EXCLUSIVE)
        finally:
            if namespace is not None:
                os.close(namespace)
        with RouteSocket() as there:
            there.request(linkmessages.SET_LINK, linkmessages.quieten(self._far, forwards=False))
            there.request(linkmessages.SET_LINK, linkmessages.set_up(self._far))
        opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, 0)
        opened.bind((self._far, _EVERY_PROTOCOL))
        return opened

    def _gone(self) -> FileNotFoundError:
        return FileNotFoundError(errno.ENOENT, f"the interface {self._near} is gone")


def remove_pair(near: str) -> bool:
    """Take away the pair of that name, if it is one of ours; whether it was there. Raises OSError; `NotOurs` where
    there is one that others made."""
    with RouteSocket() as here:
        found = here.link(near)
        if found is None:
            return False
        if found.kind != "veth" or found.mac != _NEAR:
            raise NotOurs(near)
        try:
            here.request(linkmessages.DELETE_LINK, linkmessages.by_name(near))
        except OSError as error:
            if error.errno != errno.ENODEV:  # gone by itself: its other end's namespace was
                raise
    return True


def _namespace() -> int:
    """The network namespace that this thread is in."""
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
