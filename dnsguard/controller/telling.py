"""What forwarders were told, and for how long enforcement waits for them."""

import asyncio
import logging
from collections.abc import Collection
from typing import Protocol

from dnsguard.link.messages import Snapshot

log = logging.getLogger(__name__)

ACKNOWLEDGE_SECONDS = 1.0
"""How long a forwarder may keep everybody waiting. Longer and it is stuck: what it does not know, it keeps closed."""

ATTENDED_SECONDS = 10.0
"""How long rules that look into new lease sets wait where no forwarder is connected any more: it is being started
again, and knows what belongs there. What clients may reach by names would be closed to them until it is back."""


class Link(Protocol):
    """The forwarders; see LinkServer."""

    @property
    def listen(self) -> frozenset[str]: ...

    def publish(self, wanted: Snapshot, *, reassert: bool = False) -> int: ...

    async def acknowledged(
        self, revision: int, seconds: float, ignoring: Collection[str] = frozenset()
    ) -> tuple[str, ...]: ...

    async def attended(self, seconds: float) -> bool: ...

    def has_acknowledged(self, revision: int) -> bool: ...

    def laggards(self, revision: int) -> tuple[str, ...]: ...


class Telling:
    """Belongs to the one task that enforces."""

    def __init__(self, link: Link, acknowledge: float, attended: float) -> None:
        """``acknowledge``, ``attended``: as `ACKNOWLEDGE_SECONDS` and `ATTENDED_SECONDS`."""
        self._link = link
        self._acknowledge = acknowledge
        self._attended = attended
        self._published = 0
        self._late: frozenset[str] = frozenset()
        self.unfilled = False
        """Rules are to look into lease sets for what no forwarder has filled in yet."""

        self.misses_forwarder = False
        """None is connected, one was, and nobody has waited in vain for it yet."""

    @property
    def listen(self) -> frozenset[str]:
        """Where forwarders listen."""
        return self._link.listen

    @property
    def all_know(self) -> bool:
        """Whether every forwarder that is connected has in force what it was told last."""
        return not self._link.laggards(self._published)

    def tell(self, wanted: Snapshot, *, reassert: bool = False) -> None:
        """Returns at once. ``reassert``: also what they know already, for the kernel may have lost what they wrote."""
        self._published = self._link.publish(wanted, reassert=reassert)

    async def acknowledged(self) -> None:
        """Return when forwarders have it in force, or have kept everybody waiting for long enough."""
        await self._link.acknowledged(self._published, self._acknowledge, self._late)

    async def have_filled(self, first: Snapshot, *, is_awaited: bool) -> None:
        """Tell forwarders; return when they have it in force, or have kept everybody waiting for long enough."""
        clock = asyncio.get_running_loop().time
        give_up = clock() + self._attended
        while True:
            # One that kept everybody waiting once does so again only after it has caught up.
            still_late = self._late.intersection(self._link.laggards(self._published))
            self.tell(first)
            late: tuple[str, ...] = ()
            if is_awaited or self.unfilled:
                late = await self._link.acknowledged(self._published, self._acknowledge, still_late)
                self._late = frozenset(late)
                if self._late - still_late:
                    log.warning("not waiting longer for %s: names that are new to it stay closed", ", ".join(late))
            # One that said hello after it was published has been told nothing yet, and one that left may have filled
            # nothing.
            if late or self._link.has_acknowledged(self._published):
                self.misses_forwarder = True
                break
            if not (self.unfilled and self.misses_forwarder):
                break
            if clock() >= give_up or not await self._link.attended(give_up - clock()):
                log.warning("no forwarder comes back: what names lead to is closed until it does")
                self.misses_forwarder = False
                break
        self.unfilled = False
