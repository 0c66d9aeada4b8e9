"""How many may be connected."""

from collections.abc import Callable, Iterable

from dnsguard.api.authentication.connection import site_of
from dnsguard.api.rates import Buckets
from dnsguard.observe.exposition import Metric, number

PREFIX = "dnsguard_controller_api"
CONNECTIONS = 4_096
"""In all. The Unix socket is not counted: the administrator gets in when the house is full."""

STRANGERS = 512
"""Of whom no request was accepted yet. One more takes the place of the one that has waited longest: who means to send a
request does so within milliseconds, so nobody who holds places keeps others out."""

STRANGERS_OF_ONE = 64
"""The same of one address."""

ARRIVALS = 50.0
"""A second from one address, and ``ARRIVAL_BURST`` at once: a handshake costs us a millisecond or two."""

ARRIVAL_BURST = 200.0


class Admission:
    """One connection's place. Each method may be called again, which changes nothing."""

    def __init__(self, crowd: "Crowd", site: str, end: Callable[[], None]) -> None:
        self.site = site
        self.end = end
        self._crowd = crowd
        self._is_here = True

    def known(self) -> None:
        """It is no stranger's any more."""
        self._crowd.forget(self)

    def left(self) -> None:
        """It has ended."""
        if self._is_here:
            self._is_here = False
            self._crowd.forget(self)
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
        self._strangers: dict[Admission, None] = {}
        """Those who have waited longest first."""

        self._of_site: dict[str, dict[Admission, None]] = {}
        self.count = 0
        self.turned_away = 0
        self.given_up = 0

    def admit(self, address: str, now: float, end: Callable[[], None]) -> Admission | None:
        """A place for a connection from there; None where there is none. ``end`` ends it, should another one need the
        place. ``now`` in seconds, never going back."""
        site = site_of(address)
        if self._arrivals.take(site, now):
            self.turned_away += 1
            return None
        if len(self._of_site.get(site, ())) >= self._most_of_one:
            self._give_up(self._of_site[site])
        elif self._strangers and (len(self._strangers) >= self._most_strangers or self.count >= self._most):
            self._give_up(self._strangers)
        if self.count >= self._most:
            self.turned_away += 1
            return None
        place = Admission(self, site, end)
        self.count += 1
        self._strangers[place] = None
        self._of_site.setdefault(site, {})[place] = None
        return place

    def forget(self, place: Admission) -> None:
        """It counts among strangers no more."""
        if place in self._strangers:
            del self._strangers[place]
            mine = self._of_site[place.site]
            del mine[place]
            if not mine:
                del self._of_site[place.site]

    @property
    def strangers(self) -> int:
        """Connections over which no request was accepted yet."""
        return len(self._strangers)

    def metrics(self) -> Iterable[Metric]:
        """For Prometheus."""
        yield number(f"{PREFIX}_connections", "gauge", "Connections to the API over TCP.", self.count)
        yield Metric(
            f"{PREFIX}_connections_refused_total",
            "counter",
            "Connections over TCP that there was no room for, and those that made room before a good request came.",
            {(("reason", "full"),): self.turned_away, (("reason", "given_up"),): self.given_up},
        )

    def _give_up(self, places: dict[Admission, None]) -> None:
        oldest = next(iter(places))
        oldest.left()
        oldest.end()
        self.given_up += 1
