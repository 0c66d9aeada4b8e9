"""What a forwarder before this one left in the kernel's sets."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from dnsguard.errors import DnsguardError
from dnsguard.leases.changes import Element, Place
from dnsguard.netlink import dumps, nftables
from dnsguard.netlink.nftables import Message

log = logging.getLogger(__name__)

Parsed = TypeVar("Parsed")


class Lists(Protocol):
    """What is needed of a netlink socket."""

    def dump(self, request: Message, parse: Callable[[list[bytes]], Parsed], deadline_s: float = 30.0) -> Parsed: ...


async def left_behind(kernel: Lists, table: str, kernel_sets: Iterable[str]) -> list[Element]:
    """The elements of these sets. A set that cannot be listed has none: it is not there yet."""
    now = asyncio.get_running_loop().time
    found: list[Element] = []
    for kernel_set in kernel_sets:
        try:
            dumped = kernel.dump(nftables.list_request(nftables.GET_ELEMENT, table, kernel_set), _elements)
        except DnsguardError as error:
            log.debug("%s: %s", kernel_set, error)
            continue
        started = now()
        for key, left in dumped:
            if not any(key):
                continue  # no lease: by this element the controller sees that nobody emptied the set
            half = len(key) // 2
            found.append(Element(Place(kernel_set, key[:half], key[half:]), started + left / 1000))
        await asyncio.sleep(0)
    return found


def _elements(bodies: list[bytes]) -> list[tuple[bytes, int]]:
    return list(dumps.expiries(bodies))
