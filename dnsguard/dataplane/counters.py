"""The named counters of our tables, for who looks at them beside the driver's thread."""

from collections.abc import Iterable

from dnsguard.dataplane.counted import Counted
from dnsguard.dataplane.reading import TableReader
from dnsguard.netlink import dumps, nftables
from dnsguard.netlink.expressions import OBJECT_COUNTER
from dnsguard.netlink.socket import FamilySocket, NetfilterSocket

_NOTHING = Counted(0, 0)


class CounterTable:
    """Blocks; one thread at a time, with sockets of its own. All methods raise `NetlinkError` and
    `NoAcknowledgementError`."""

    def __init__(self, socket: NetfilterSocket, table: str, frames: FamilySocket | None = None) -> None:
        """``frames``: for the table of family ``bridge`` beside it, where that counts, too."""
        self._socket = socket
        self._table = table
        self._readers = [TableReader(each, table) for each in (socket, frames) if each is not None]

    def counters(self) -> dict[str, Counted]:
        """All of them, none where there is no table; what both tables count under one name is added up."""
        found: dict[str, Counted] = {}
        for reader in self._readers:
            for each in reader.counters():
                known = found.get(each.name, _NOTHING)
                found[each.name] = Counted(known.packets + each.packets, known.bytes + each.bytes)
        return found

    def reset(self, names: Iterable[str]) -> dict[str, Counted]:
        """Have these begin anew: what each had counted. Those that are not there are left out; those of policy never
        are in the table beside."""
        asked = list(names)
        if not asked:
            return {}
        answers = self._socket.ask([nftables.reset_request(self._table, name, OBJECT_COUNTER) for name in asked])
        told = dumps.counters(body for body in answers if body is not None)
        return {each.name: Counted(each.packets, each.bytes) for each in told}
