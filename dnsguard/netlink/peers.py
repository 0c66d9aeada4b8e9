"""Which port of which bridge has its other end in which network namespace (IFLA_LINK_NETNSID, RTM_GETNSID).

A namespace's number is this namespace's name for it, and is given to another one once it is gone: so numbers are
compared while a descriptor of the namespace is held.
"""

import errno
import os
import socket
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from struct import Struct

from dnsguard.netlink.codec import attribute, attribute_map, string
from dnsguard.netlink.routesocket import RouteSocket
from dnsguard.netlink.rtnetlink import listed

_GET_LINK, _GET_NSID = 18, 90
_IFINFOMSG = Struct("=BxHiII")
_RTGENMSG = Struct("=Bxxx")
_NAME, _MASTER, _LINK_NETNSID = 3, 10, 37
_NSID, _FD = 1, 3
"""``NETNSA_…`` of linux/net_namespace.h."""

_NUMBER = Struct("=i")

AT_ONCE = 256
"""Namespaces that are held open together: a process may have a thousand files."""

Ports = Mapping[str, Mapping[str, tuple[str, ...]]]
"""Path of a namespace → bridge → its ports with their other end there."""


class NotANamespace(Exception):
    """There is a file, and it is no network namespace: the mount upon it is not seen from here."""


def ports_into(paths: Iterable[str]) -> tuple[Ports, Mapping[str, OSError | NotANamespace]]:
    """The ports into the namespaces at these paths; and of those that cannot be looked at, why. Blocks for a moment.
    Raises OSError where the kernel does not list its links."""
    found: dict[str, Mapping[str, tuple[str, ...]]] = {}
    failed: dict[str, OSError | NotANamespace] = {}
    wanted = list(dict.fromkeys(paths))
    for start in range(0, len(wanted), AT_ONCE):
        with ExitStack() as held:
            handles: dict[str, int] = {}
            for path in wanted[start : start + AT_ONCE]:
                try:
                    handles[path] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                except OSError as error:
                    failed[path] = error
                else:
                    held.callback(os.close, handles[path])
            if not handles:
                continue
            ports = _ports()  # first: this is what gives numbers to namespaces
            with RouteSocket() as kernel:
                for path, handle in handles.items():
                    try:
                        found[path] = ports.get(_number(kernel, handle), {})
                    except OSError as error:
                        failed[path] = NotANamespace(path) if error.errno == errno.EINVAL else error
    return found, failed


def _number(kernel: RouteSocket, handle: int) -> int:
    """-1 for a namespace that no link of ours leads to."""
    answer = kernel.request(_GET_NSID, _RTGENMSG.pack(socket.AF_UNSPEC) + attribute(_FD, _NUMBER.pack(handle)))
    return int(_NUMBER.unpack(attribute_map(answer, _RTGENMSG.size)[_NSID])[0])


def _ports() -> dict[int, dict[str, tuple[str, ...]]]:
    """Number of a namespace → bridge → ports."""
    names: dict[int, str] = {}
    plugged: list[tuple[int, int, str]] = []
    for body in listed(_GET_LINK, _IFINFOMSG.pack(socket.AF_UNSPEC, 0, 0, 0, 0)):
        _, _, index, _, _ = _IFINFOMSG.unpack_from(body)
        said = attribute_map(body, _IFINFOMSG.size)
        names[index] = string(said[_NAME])
        if _MASTER in said and _LINK_NETNSID in said:
            number, master = (_NUMBER.unpack(said[kind])[0] for kind in (_LINK_NETNSID, _MASTER))
            plugged.append((number, master, names[index]))
    found: dict[int, dict[str, tuple[str, ...]]] = {}
    for number, master, name in plugged:
        if number >= 0 and master in names:
            bridges = found.setdefault(number, {})
            bridges[names[master]] = (*bridges.get(names[master], ()), name)
    return found
