"""Keeps the machine's IP rule and route for intercepted DNS as the settings want them."""

import asyncio
import logging
from collections.abc import Callable

from dnsguard.dataplane.settings import INTERCEPTED_MARK
from dnsguard.netlink.localdelivery import LocalDelivery, unusable
from dnsguard.settings import Settings

log = logging.getLogger(__name__)

MARKER_FILE = "intercepting"
LOOK_SECONDS = 5.0
"""Between two looks whether they are still there. Without them intercepted packets are lost, never let through."""


class Diverting:
    """``run`` is one task."""

    def __init__(self, settings: Settings, seconds: float = LOOK_SECONDS) -> None:
        self.problems: tuple[str, ...] = ()
        """Why intercepted queries are lost; none when all is well."""

        self._wanted = settings.intercept_dns != "Off"
        self._delivery = LocalDelivery(INTERCEPTED_MARK)
        self._marker = settings.state_dir / MARKER_FILE
        """There while the machine may hold what we made: then a run without interception has something to remove."""

        self._seconds = seconds

    async def run(self) -> None:
        """Until cancelled, or until there is nothing to keep."""
        if not self._wanted:
            if self._marker.exists():
                await self._attempt(self._remove)
            return
        while True:
            await self._attempt(self._ensure)
            await asyncio.sleep(self._seconds)

    async def remove(self) -> None:
        """Take away what was made."""
        if self._wanted:
            await self._attempt(self._remove)

    async def _attempt(self, action: Callable[[], tuple[str, ...]]) -> None:
        try:
            problems = await asyncio.to_thread(action)
        except OSError as error:
            problems = (f"intercept_dns: {error.strerror or error}",)
        for problem in problems:
            if problem not in self.problems:
                log.error("%s", problem)
        self.problems = problems

    def _ensure(self) -> tuple[str, ...]:
        self._marker.touch()
        if self._delivery.ensure():
            log.info("the IP rule and route that keep intercepted queries here are in place")
        return tuple(f"intercept_dns: {reason}" for reason in unusable())

    def _remove(self) -> tuple[str, ...]:
        self._delivery.remove()
        self._marker.unlink(missing_ok=True)
        return ()
