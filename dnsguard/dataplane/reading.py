"""What the kernel holds of one table, read over netlink."""

import errno
from collections.abc import Callable
from typing import TypeVar

from dnsguard.dataplane import encode, naming
from dnsguard.dataplane.actual import (
    Actual,
    ActualChain,
    ActualSet,
    Content,
    hash_content,
    interval_content,
    map_content,
)
from dnsguard.dataplane.revision import revision_in
from dnsguard.dataplane.sets import Set
from dnsguard.netlink import dumps, nftables
from dnsguard.netlink.expressions import OBJECT_COUNTER
from dnsguard.netlink.nftables import DumpedElement, Message
from dnsguard.netlink.socket import NetfilterSocket, NetlinkError

Item = TypeVar("Item")


class TableReader:
    """Reads one table. Lists are empty when there is no table; all methods raise `NetlinkError` when refused."""

    def __init__(self, socket: NetfilterSocket, table: str) -> None:
        self._socket = socket
        self._table = table

    def actual(self) -> Actual:
        """All of it. Lease sets are taken note of, not read."""
        actual = Actual(self.exists())
        if actual.exists:
            rules: dict[str, int] = {}
            for rule in self._list(nftables.list_request(nftables.GET_RULE, self._table), dumps.rules):
                if rule.table == self._table:
                    rules[rule.chain] = rules.get(rule.chain, 0) + 1
                    if rule.chain == naming.JUDGED_CHAIN:
                        actual.revision = revision_in(rule.comment) or actual.revision
            for chain in self.chains():
                actual.chains[chain.name] = ActualChain(chain.is_base, rules.get(chain.name, 0))
            for found in self._list(nftables.list_request(nftables.GET_SET, self._table), dumps.sets):
                if found.table == self._table:
                    actual.sets[found.name] = ActualSet(found.flags, found.key_type, self._read_content(found))
            actual.counters = {counter.name for counter in self.counters()}
        return actual

    def exists(self) -> bool:
        """Whether there is such a table."""
        return self._table in self._socket.dump(nftables.list_request(nftables.GET_TABLE, self._table), dumps.tables)

    def generation(self) -> int:
        """Another number after each transaction of anybody, the one before plus one."""
        return self._socket.generation()

    def listed(self, request: Message) -> list[bytes]:
        """The answers to a list request; none where there is no such table or set."""
        return self._list(request, list)

    def content_of(self, item: Set, bodies: list[bytes]) -> Content:
        """What a set of ours holds, from the answers to `list_request` of its elements."""
        return _content(encode.set_flags(item), item.key_type.length, list(dumps.elements(bodies)))

    def rules(self, chain: str) -> int:
        """How many rules a chain has; none where there is no such chain."""
        return len(self._list(nftables.list_request(nftables.GET_RULE, self._table, chain), dumps.rules))

    def chains(self) -> list[dumps.DumpedChain]:
        return self.chains_of(self.listed(self.chain_request))

    @property
    def chain_request(self) -> Message:
        return nftables.list_request(nftables.GET_CHAIN, self._table)

    def chains_of(self, bodies: list[bytes]) -> list[dumps.DumpedChain]:
        """The table's chains, from the answers to `chain_request`."""
        return [chain for chain in dumps.chains(bodies) if chain.table == self._table]

    def counters(self) -> list[dumps.DumpedCounter]:
        request = nftables.list_request(nftables.GET_OBJECT, self._table, object_type=OBJECT_COUNTER)
        return [counter for counter in self._list(request, dumps.counters) if counter.table == self._table]

    def elements(self, set_name: str) -> list[DumpedElement]:
        """Raises `NetlinkError` (ENOENT) when there is no such set."""
        request = nftables.list_request(nftables.GET_ELEMENT, self._table, set_name)
        return self._socket.dump(request, lambda bodies: list(dumps.elements(bodies)))

    def _read_content(self, found: dumps.DumpedSet) -> Content:
        if naming.is_lease_set(found.name):
            return None
        return _content(found.flags, found.key_length, self.elements(found.name))

    def _list(self, request: Message, parse: Callable[[list[bytes]], list[Item]]) -> list[Item]:
        try:
            return self._socket.dump(request, parse)
        except NetlinkError as error:
            if error.errno == errno.ENOENT:
                return []
            raise


def _content(flags: int, key_length: int, elements: list[DumpedElement]) -> Content:
    if flags & nftables.SET_MAP:
        return map_content(elements)
    if flags & nftables.SET_INTERVAL:
        return interval_content(elements, key_length)
    return hash_content(elements)
