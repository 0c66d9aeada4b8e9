"""The named counters of a table, for who looks at them beside the driver's thread."""

from collections.abc import Iterable

from dnsguard.dataplane.counted import Counted
from dnsguard.dataplane.reading import TableReader
from dnsguard.netlink import dumps, nftables
from dnsguard.netlink.expressions import OBJECT_COUNTER
from dnsguard.netlink.socket import NetfilterSocket


class CounterTable:
    """Blocks; one thread at a time, with a socket of its own. All methods raise `NetlinkError` and
    `NoAcknowledgementError`."""

    def __init__(self, socket: NetfilterSocket, table: str) -> None:
        self._socket = socket
        self._table = table
        self._reader = TableReader(socket, table)

    def counters(self) -> dict[str, Counted]:
        """All of them; none where there is no table."""
        return {each.name: Counted(each.packets, each.bytes) for each in self._reader.counters()}

    def reset(self, names: Iterable[str]) -> dict[str, Counted]:
        """Have these begin anew: what each had counted. Those that are not there are left out."""
        asked = list(names)
        if not asked:
            return {}
        answers = self._socket.ask([nftables.reset_request(self._table, name, OBJECT_COUNTER) for name in asked])
        told = dumps.counters(body for body in answers if body is not None)
        return {each.name: Counted(each.packets, each.bytes) for each in told}
