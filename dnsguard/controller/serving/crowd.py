"""How many may be connected."""

from collections import Counter

from api.connection import site_of
from api.rates import Buckets

CONNECTIONS = 4_096
"""In all. The Unix socket is not counted: the administrator gets in when the house is full."""

STRANGERS = 512
"""Of whom no request was accepted yet: most of them never mean to send one."""

STRANGERS_OF_ONE = 64
"""The same of one address."""

ARRIVALS = 50.0
"""A second from one address, and ``ARRIVAL_BURST`` at once: a handshake costs us half a millisecond."""

ARRIVAL_BURST = 200.0


class Admission:
    """One connection's place. Each method may be called again, which changes nothing."""

    def __init__(self, crowd: "Crowd", site: str) -> None:
        self._crowd = crowd
        self._site = site
        self._is_stranger = True
        self._is_here = True

    def known(self) -> None:
        """It is no stranger any more."""
        if self._is_stranger:
            self._is_stranger = False
            self._crowd.strangers[self._site] -= 1
            if not self._crowd.strangers[self._site]:
                del self._crowd.strangers[self._site]

    def left(self) -> None:
        """It has ended."""
        if self._is_here:
            self._is_here = False
            self.known()
            self._crowd.count -= 1


class Crowd:
    """Counts connections, those of strangers for each address, too."""

    def __init__(
        self, most: int = CONNECTIONS, most_strangers: int = STRANGERS, most_of_one: int = STRANGERS_OF_ONE
    ) -> None:
        self._most = most
        self._most_strangers = most_strangers
        self._most_of_one = most_of_one
        self._arrivals = Buckets(ARRIVALS, ARRIVAL_BURST)
        self.count = 0
        self.strangers: Counter[str] = Counter()

    def admit(self, address: str, now: float) -> Admission | None:
        """A place for a connection from there; None where there is none. ``now`` in seconds, never going back."""
        site = site_of(address)
        if (
            self.count >= self._most
            or self.strangers.total() >= self._most_strangers
            or self.strangers.get(site, 0) >= self._most_of_one
            or self._arrivals.take(site, now)
        ):
            return None
        self.count += 1
        self.strangers[site] += 1
        return Admission(self, site)
