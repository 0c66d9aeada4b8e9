"""A kernel that renews nothing: between us and the real one stands what makes it behave as those before 6.12 do."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from dnsguard.netlink import dumps, nftables
from dnsguard.netlink.codec import NESTED, attribute, attribute_map, attributes, nested, string
from dnsguard.netlink.nftables import Message
from dnsguard.netlink.socket import NetfilterSocket, NetlinkError

Parsed = TypeVar("Parsed")


class OldKernel:
    """Stands where a `NetfilterSocket` does. Elements that exist, and would be added, are left as they are; with
    ``only_same`` those alone that have the very timeout already."""

    def __init__(self, kernel: NetfilterSocket, *, only_same: bool = False) -> None:
        self._kernel = kernel
        self._only_same = only_same

    def transact(self, messages: Sequence[Message], deadline_s: float = 5.0) -> None:
        held: dict[str, dict[bytes, int]] = {}
        passed = [kept for each in messages if (kept := self._as_old(each, held)) is not None]
        self._kernel.transact(passed, deadline_s)

    def dump(self, request: Message, parse: Callable[[list[bytes]], Parsed], deadline_s: float = 30.0) -> Parsed:
        return self._kernel.dump(request, parse, deadline_s)

    def ask(self, requests: Sequence[Message], deadline_s: float = 5.0) -> list[bytes | None]:
        return self._kernel.ask(requests, deadline_s)

    def _as_old(self, message: Message, held: dict[str, dict[bytes, int]]) -> Message | None:
        """The message without what an old kernel would not do. ``held``: set → key → timeout, as of this message."""
        if message.kind not in (nftables.NEW_ELEMENT, nftables.DELETE_ELEMENT):
            return message
        said = attribute_map(message.body, 4)
        table, name = string(said[1]), string(said[2])
        known = held[name] if name in held else held.setdefault(name, self._held(table, name))
        kept = []
        for kind, payload in attributes(said[3]):
            parts = attribute_map(payload)
            key = attribute_map(parts[1])[1]
            timeout = int.from_bytes(parts.get(4, b""), "big")
            if message.kind == nftables.DELETE_ELEMENT:
                known.pop(key, None)
            elif key in known and (not self._only_same or known[key] == timeout):
                continue
            else:
                known[key] = timeout
            kept.append(attribute(kind | NESTED, payload))
        if not kept:
            return None
        head = attribute(1, said[1]) + attribute(2, said[2])
        return message._replace(body=message.body[:4] + head + nested(3, *kept))

    def _held(self, table: str, name: str) -> dict[bytes, int]:
        request = nftables.list_request(nftables.GET_ELEMENT, table, name)
        try:
            found = self._kernel.dump(request, lambda bodies: list(dumps.elements(bodies)))
        except NetlinkError:  # it is made in this very transaction
            return {}
        return {element.key: element.timeout_ms or 0 for element in found}
