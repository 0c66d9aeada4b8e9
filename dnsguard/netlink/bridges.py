"""Bridges of the machine, what is plugged into them, and whether their packets pass the IP hooks (RTM_GETLINK)."""

import socket
from collections.abc import Mapping
from pathlib import Path
from struct import Struct
from typing import NamedTuple

from dnsguard.netlink.codec import attribute, attribute_map, nested, packets, string, text
from dnsguard.netlink.routesocket import RouteSocket
from dnsguard.netlink.rtnetlink import listed, opened

_NEW_LINK, _GET_LINK = 16, 18
_IFINFOMSG = Struct("=BBHiII")
"""Family, padding, type, index, flags, which flags change."""
_INDEX = Struct("=I")
_NAME, _MASTER, _LINK_INFO = 3, 10, 18
_KIND, _DATA, _PORT_KIND = 1, 2, 4
_BRIDGE = "bridge"
_CALL_IPTABLES, _CALL_IP6TABLES = 36, 37
"""``IFLA_BR_NF_CALL_…`` of linux/if_link.h."""

_LINK_GROUP = 1
"""``RTMGRP_LINK``."""

_SETTINGS = Path("/proc/sys/net/bridge")
_ALL_BRIDGES = ("bridge-nf-call-iptables", "bridge-nf-call-ip6tables")


class Bridge(NamedTuple):
    """One bridge."""

    link: int
    """The number of its interface."""

    calls: tuple[bool, bool]
    """Whether this bridge brings what passes it to the hooks of IPv4, and of IPv6."""


class Bridges(NamedTuple):
    """All of them, by name, and their ports."""

    bridges: Mapping[str, Bridge]
    ports: tuple[tuple[str, str], ...]
    """Port and bridge, ascending."""


def machine_bridges() -> Bridges:
    """As they are now. Blocks for a moment. Raises OSError."""
    bridges: dict[str, Bridge] = {}
    names: dict[int, str] = {}
    masters: list[tuple[str, int]] = []
    for body in listed(_GET_LINK, _IFINFOMSG.pack(socket.AF_UNSPEC, 0, 0, 0, 0, 0)):
        _, _, _, index, _, _ = _IFINFOMSG.unpack_from(body)
        said = attribute_map(body, _IFINFOMSG.size)
        info = attribute_map(said.get(_LINK_INFO, b""))
        name = string(said[_NAME])
        if string(info.get(_KIND, b"")) == _BRIDGE:
            data = attribute_map(info.get(_DATA, b""))
            bridges[name] = Bridge(index, (_is_on(data.get(_CALL_IPTABLES)), _is_on(data.get(_CALL_IP6TABLES))))
            names[index] = name
        if _MASTER in said and string(info.get(_PORT_KIND, b"")) == _BRIDGE:
            masters.append((name, _INDEX.unpack(said[_MASTER])[0]))
    return Bridges(bridges, tuple(sorted((port, names[master]) for port, master in masters if master in names)))


def watch_links() -> socket.socket:
    """Readable when a link has changed, or news of one was lost; does not block. Raises OSError."""
    news = opened(_LINK_GROUP)
    news.setblocking(False)
    return news


def concerns_bridges(datagram: bytes) -> bool:
    """Whether news of `watch_links` are about a bridge or a port of one, as far as they say so."""
    for packet in packets(datagram):
        if len(packet.body) >= _IFINFOMSG.size:
            said = attribute_map(packet.body, _IFINFOMSG.size)
            if _MASTER in said or string(attribute_map(said.get(_LINK_INFO, b"")).get(_KIND, b"")) == _BRIDGE:
                return True
    return False


def has_bridge_hooks() -> bool:
    """Whether bridges can bring packets to the IP hooks at all: br_netfilter is there."""
    return _SETTINGS.is_dir()


def all_call() -> tuple[bool, bool]:
    """Whether every bridge does so, whatever it says itself, for IPv4 and IPv6. Raises OSError."""
    first, second = ((_SETTINGS / name).read_text().strip() != "0" for name in _ALL_BRIDGES)
    return first, second


def set_calls(link: int, calls: tuple[bool, bool]) -> None:
    """Have a bridge bring packets of IPv4, and of IPv6, to the IP hooks, or not. Raises OSError."""
    kinds = zip((_CALL_IPTABLES, _CALL_IP6TABLES), calls, strict=True)
    data = nested(_DATA, *(attribute(kind, bytes((on,))) for kind, on in kinds))
    head = _IFINFOMSG.pack(socket.AF_UNSPEC, 0, 0, link, 0, 0)
    with RouteSocket() as kernel:
        kernel.request(_NEW_LINK, head + nested(_LINK_INFO, text(_KIND, _BRIDGE), data))


def _is_on(value: bytes | None) -> bool:
    return bool(value and value[0])
