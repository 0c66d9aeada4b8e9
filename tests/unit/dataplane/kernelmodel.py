"""A table in Python that takes our messages as the kernel does, as far as the difference between plans can go wrong:
what is added exists afterwards, what is deleted must be there, ranges must not overlap."""

import errno
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TypeVar

from dnsguard.netlink import nftables
from dnsguard.netlink.codec import attribute_map, attributes, number, string
from dnsguard.netlink.nftables import Message
from dnsguard.netlink.socket import NetlinkError

Parsed = TypeVar("Parsed")
_Key = tuple[bytes, bool]


@dataclass(slots=True)
class Tables:
    """What the table holds."""

    chains: dict[str, list[bytes]] = field(default_factory=dict)
    sets: dict[str, dict[_Key, bytes]] = field(default_factory=dict)
    intervals: set[str] = field(default_factory=set)
    counters: set[str] = field(default_factory=set)


class KernelModel:
    """Stands where a `NetfilterSocket` does. It starts without a table."""

    batch_bytes = 1 << 20

    def __init__(self) -> None:
        self.held = Tables()
        self._generation = 0

    def transact(self, messages: Sequence[Message]) -> None:
        held = deepcopy(self.held)
        for message in messages:
            _do(held, message)
        for name in held.intervals & held.sets.keys():
            if not _is_disjoint(held.sets[name]):
                raise NetlinkError(errno.EEXIST, None, name)
        self.held = held
        self._generation += 1

    def generation(self) -> int:
        return self._generation

    def dump(self, request: Message, parse: Callable[[list[bytes]], Parsed]) -> Parsed:
        assert request.kind in {nftables.GET_TABLE, nftables.GET_CHAIN}
        return parse([])


def _do(held: Tables, message: Message) -> None:
    said = attribute_map(message.body, 4)
    name = string(said.get(2, b""))
    match message.kind:
        case nftables.NEW_TABLE:
            return
        case nftables.NEW_CHAIN:
            held.chains.setdefault(string(said[3]), [])
        case nftables.DELETE_CHAIN:
            if held.chains.pop(string(said[3])):
                raise NetlinkError(errno.EBUSY, None, str(message))
        case nftables.NEW_RULE:
            held.chains[name].append(said[4] + said.get(7, b""))
        case nftables.DELETE_RULE:
            held.chains[name].clear()
        case nftables.NEW_SET:
            held.sets.setdefault(name, {})
            if number(said[3]) & nftables.SET_INTERVAL:
                held.intervals.add(name)
        case nftables.DELETE_SET:
            del held.sets[name]
            held.intervals.discard(name)
        case nftables.NEW_OBJECT:
            held.counters.add(name)
        case nftables.DELETE_OBJECT:
            held.counters.remove(name)
        case nftables.NEW_ELEMENT:
            for key, content in _elements(said[3]):
                if held.sets[name].setdefault(key, content) != content:
                    raise NetlinkError(errno.EEXIST, None, str(message))
        case nftables.DELETE_ELEMENT if 3 not in said:
            held.sets[name].clear()
        case nftables.DELETE_ELEMENT:
            for key, _ in _elements(said[3]):
                if held.sets[name].pop(key, None) is None:
                    raise NetlinkError(errno.ENOENT, None, str(message))
        case _:
            raise AssertionError(f"not known here: {message}")


def _elements(payload: bytes) -> list[tuple[_Key, bytes]]:
    found = []
    for _, element in attributes(payload):
        parts = attribute_map(element)
        is_end = bool(number(parts.get(3, b"\0")) & nftables.ELEMENT_INTERVAL_END)
        found.append(((attribute_map(parts[1])[1], is_end), element))
    return found


def _is_disjoint(elements: dict[_Key, bytes]) -> bool:
    """Starts and ends take turns; only the last end, that of the last key there is, may be missing."""
    bounds = sorted((key, not is_end) for key, is_end in elements)
    turns = [is_start for _, is_start in bounds]
    return all(is_start == (place % 2 == 0) for place, is_start in enumerate(turns))
