"""No client fills the log: each has so many lines and bytes a second, and what goes beyond is counted."""

from collections.abc import Iterator
from typing import Final, NamedTuple

LINE: Final = 1024
"""Bytes of each line, on average, that a client may fill. A usual line has 450, and none has more than 64 kB."""

MAX_CLIENTS: Final = 65_536
"""Whose shares are counted apart; addresses of senders can be forged. Those beyond have one share together."""

LATE: Final = 60
"""Seconds: no query is under way for so long."""

OTHERS: Final = b""
"""The clients beyond ``MAX_CLIENTS``."""


class Suppressed(NamedTuple):
    """What was not written of one client in a second that is over."""

    client: bytes
    records: int


class Shares:
    """Counts by client and second."""

    def __init__(self, lines: int, clients: int = MAX_CLIENTS) -> None:
        """``lines``: of one client in one second."""
        self._max_lines = lines
        self._max_bytes = lines * LINE
        self._max_clients = clients
        self._second = 0
        self._lines: dict[bytes, int] = {}
        self._bytes: dict[bytes, int] = {}
        self._over: dict[bytes, int] = {}
        self.suppressed = 0
        """Records that were refused since the beginning."""

    def admits(self, client: bytes, now: float) -> bool:
        """Whether one more record of this client may be written; where not, it is counted."""
        second = int(now)
        # Not backwards, as answers end in another order than their queries came; but for a clock that was set back.
        if second > self._second or second < self._second - LATE:
            self._second = second
            self._lines.clear()
            self._bytes.clear()
        lines = self._lines
        count = lines.get(client)
        if count is None:
            if len(lines) >= self._max_clients:
                client = OTHERS
            count = lines.get(client, 0)
        if count < self._max_lines and self._bytes.get(client, 0) < self._max_bytes:
            lines[client] = count + 1
            return True
        self._over[client] = self._over.get(client, 0) + 1
        self.suppressed += 1
        return False

    def spent(self, client: bytes, octets: int) -> None:
        """So much was written for this client; counted in the second that ``admits`` last saw."""
        if client not in self._lines:
            client = OTHERS
        self._bytes[client] = self._bytes.get(client, 0) + octets

    def over(self) -> Iterator[Suppressed]:
        """What was suppressed since this was last asked, of each client."""
        over, self._over = self._over, {}
        return (Suppressed(client, count) for client, count in over.items())
