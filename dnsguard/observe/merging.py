"""Packets that differ in nothing but their moment become one record with a count. Pure.

Bounded for each client and for all: what goes beyond is counted, and whose it was is said.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from dnsguard.observe.packetrecord import Decided, Packet, Party
from dnsguard.observe.shares import Shares, Suppressed

WINDOW: Final = 1.0
"""Seconds from the first packet of a record to the record: long enough for the second try of a TCP connection."""

MOST: Final = 8_192
"""Records in the making."""

CLIENT_RECORDS: Final = 100
"""Of one client in one second. Whoever scans ports makes a record of each packet."""


class Merged(NamedTuple):
    """Packets of one record. Times by the clock that ``take`` is given."""

    packet: Packet
    source_port: int | None
    party: Party
    decided: Decided
    first: float
    last: float
    packets: int


class Merging:
    """Records in the making."""

    def __init__(self, most: int = MOST, client_records: int = CLIENT_RECORDS) -> None:
        self.packets = 0
        """Taken since the beginning."""

        self._most = most
        self._shares = Shares(client_records)
        self._open: dict[Packet, Merged] = {}
        self._crowded = 0
        self._crowded_told = 0

    def __len__(self) -> int:
        return len(self._open)

    @property
    def suppressed(self) -> int:
        """Packets of which there is no record, because there would be too many."""
        return self._shares.suppressed + self._crowded

    def add(self, packet: Packet, now: float) -> bool:
        """Count a packet with those that are like it; False where it is the first, which `begin` takes."""
        self.packets += 1
        known = self._open.get(packet)
        if known is None:
            return False
        self._open[packet] = known._replace(last=now, packets=known.packets + 1)
        return True

    def begin(self, packet: Packet, source_port: int | None, party: Party, decided: Decided, now: float) -> None:
        """Begin a record, if there is room for one more: by the client's share, and at all."""
        if len(self._open) >= self._most:
            self._crowded += 1
        elif self._shares.admits(client_of(packet, party).encode(errors="replace"), now):
            self._open[packet] = Merged(packet, source_port, party, decided, now, now, 1)

    def due(self, now: float, window: float = WINDOW) -> list[Merged]:
        """The records whose time is over, the oldest first; they are out of here. So are those of a time that is still
        to come: the clock was set back."""
        found: list[Merged] = []
        for each in self._open.values():  # in the order in which they began
            if each.first <= now < each.first + window:
                break
            found.append(each)
        for each in found:
            del self._open[each.packet]
        return found

    def over(self) -> Iterator[Suppressed]:
        """What was left out since this was last asked, of each client."""
        return self._shares.over()

    def crowded(self) -> int:
        """What was left out since this was last asked because all clients together had too many."""
        found = self._crowded - self._crowded_told
        self._crowded_told = self._crowded
        return found


def client_of(packet: Packet, party: Party) -> str:
    """Whose share a record is of: the endpoint's, else that of the interface it came by, for addresses are forged."""
    return party.endpoint or packet.interface_in or packet.interface_out
