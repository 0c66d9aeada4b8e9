"""Who follows what: so many at a time, and nobody so many that others find no place."""

import asyncio
from collections import Counter, defaultdict
from typing import Final

from dnsguard.api.failures import too_many, unavailable

MOST: Final = 12
"""Of one log. What they are sent is made for each of them; forwarders serve 16 readers of the DNS log, and those who
only want to know what was are among them."""

OF_ONE: Final = 4
"""Of one caller at one log."""

LEAVING_SECONDS: Final = 2.0
"""How long a newcomer waits for whoever makes room."""


class Place:
    """One who follows. ``leave`` it in any case."""

    def __init__(self, caller: str) -> None:
        self.caller = caller
        self.called_away = asyncio.Event()
        """It is to end: its place is for another, or the server stops."""

        self.reason = ""
        """Why, where that is worth a word to who follows."""

        self.left = asyncio.Event()

    def leave(self) -> None:
        """May be repeated."""
        self.left.set()


class Followers:
    """Belongs to one event loop. Where all places of a log are held, whoever holds most of them gives up the oldest: so
    a caller always finds one, unless as many callers as there are places follow it."""

    def __init__(self, most: int = MOST, of_one: int = OF_ONE) -> None:
        self._most = most
        self._of_one = of_one
        self._places: defaultdict[str, list[Place]] = defaultdict(list)
        """Log → those who follow it, the oldest first."""

        self._closed = False

    async def enter(self, log: str, caller: str) -> Place:
        """A place at a log. Raises Failure 429, and 503 where the server stops."""
        if self._closed:
            raise unavailable("the server stops")
        places = self._present(log)
        held = Counter(each.caller for each in places)
        if held[caller] >= self._of_one:
            raise too_many(f"{caller} follows this {held[caller]} times already: end one of them")
        oldest: Place | None = None
        if len(places) >= self._most:
            greediest, most = held.most_common(1)[0]
            if most <= held[caller] + 1:
                raise too_many(f"{len(places)} follow this already: as many as may")
            oldest = next(each for each in places if each.caller == greediest)
            places.remove(oldest)
        place = Place(caller)
        places.append(place)  # before anybody else enters
        if oldest is not None:
            try:
                await self._make_room(oldest)
            except BaseException:
                place.leave()
                raise
        return place

    def close(self) -> None:
        """End them all: a server that waits for its connections would wait for them for ever."""
        self._closed = True
        for places in self._places.values():
            for place in places:
                place.called_away.set()

    def _present(self, log: str) -> list[Place]:
        self._places[log] = [each for each in self._places[log] if not each.left.is_set()]
        return self._places[log]

    async def _make_room(self, place: Place) -> None:
        place.reason = f"{self._most} follow this, and {place.caller} most of them: others need the place"
        place.called_away.set()
        try:
            async with asyncio.timeout(LEAVING_SECONDS):
                await place.left.wait()
        except TimeoutError:
            raise too_many("no place became free in time") from None
