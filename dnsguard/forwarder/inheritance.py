"""What a forwarder before this one left in the kernel's sets.

To list a set the kernel begins anew for each 32 KB of the answer, so the time grows with the square of its size:
100 000 elements take a fifth of a second, a million half a minute. A single element takes 5 µs. So who has to answer
asks for those that it is about to write, and lists all of them later, in a thread.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from itertools import islice
from typing import Protocol, TypeVar

from dnsguard.errors import DnsguardError
from dnsguard.leases.changes import Element, Place
from dnsguard.netlink import dumps, nftables
from dnsguard.netlink.nftables import Message

log = logging.getLogger(__name__)

Parsed = TypeVar("Parsed")

PART = 1_000
"""Elements looked at between two answers: about a millisecond."""


class Lists(Protocol):
    """What is needed of a netlink socket."""

    def dump(self, request: Message, parse: Callable[[list[bytes]], Parsed], deadline_s: float = 30.0) -> Parsed: ...

    def ask(self, requests: Sequence[Message], deadline_s: float = 5.0) -> list[bytes | None]: ...


def standing(kernel: Lists, table: str, places: Sequence[Place], now: float) -> list[Element]:
    """Of these places those where there is an element, and until when. Raises DnsguardError."""
    requests = [nftables.element_request(table, place.kernel_set, place.client + place.address) for place in places]
    found: list[Element] = []
    for place, body in zip(places, kernel.ask(requests) if requests else (), strict=True):
        if body is not None:
            found.extend(Element(place, now + left / 1000) for _, left in dumps.expiries([body]))
    return found


async def left_behind(kernel: Lists, table: str, kernel_sets: Iterable[str]) -> AsyncIterator[list[Element]]:
    """The elements of these sets, in parts. A set that cannot be listed has none: it is not there yet.

    ``kernel`` is used in another thread: nobody else may use it meanwhile.
    """
    now = asyncio.get_running_loop().time
    for kernel_set in kernel_sets:
        request = nftables.list_request(nftables.GET_ELEMENT, table, kernel_set)
        try:
            bodies: list[bytes] = await asyncio.to_thread(kernel.dump, request, list)
        except DnsguardError as error:
            log.debug("%s: %s", kernel_set, error)
            continue
        listed, started = dumps.expiries(bodies), now()
        while part := list(islice(listed, PART)):
            yield [element for key, left in part if (element := _element(kernel_set, key, started + left / 1000))]
            await asyncio.sleep(0)


def _element(kernel_set: str, key: bytes, expires: float) -> Element | None:
    if not any(key):
        return None  # no lease: by this element the controller sees that nobody emptied the set
    half = len(key) // 2
    return Element(Place(kernel_set, key[:half], key[half:]), expires)
