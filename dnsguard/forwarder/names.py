"""The addresses behind names of trusted servers: looked up again and again, and the last good ones kept meanwhile.

What was found is in a file, too: after a restart the servers are known before anybody can be asked who they are.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from ipaddress import ip_address
from typing import Any, Final

from dnsguard.dns.upstream.servers import BadTrustedServer
from dnsguard.forwarder.kept import KeptValue

log = logging.getLogger(__name__)

MOST_ADDRESSES: Final = 8
"""Of one name; more servers than that are no help, and each is probed."""

Lookup = Callable[[str], Awaitable[list[str]]]
"""The addresses of a host name; raises ``OSError`` or ``BadTrustedServer`` where there are none."""


class TrustedNames:
    """Knows them. Belongs to one event loop."""

    def __init__(self, lookup: Lookup, kept: KeptValue) -> None:
        self._lookup = lookup
        self._kept = kept
        self._known: dict[str, tuple[str, ...]] = kept.read(_addresses_by_name, {})
        self._problems: dict[str, str] = {}
        self._looked_up: set[str] = set()

    def addresses(self, name: str) -> tuple[str, ...]:
        """Those of the last look-up that found any; none where there was none yet."""
        return self._known.get(name, ())

    def problem(self, name: str) -> str:
        """Why ``addresses`` are not those of now; empty where they are."""
        if problem := self._problems.get(name):
            still = ", ".join(self.addresses(name))
            return f"{problem}; {still} of an earlier look-up count still" if still else problem
        if name in self._looked_up or self.addresses(name):
            return ""
        return f"{name!r} is not looked up yet"

    def is_missing(self, names: Iterable[str]) -> bool:
        """Whether one of them has no addresses, or was not found when it was looked up last."""
        return any(name in self._problems or not self.addresses(name) for name in names)

    async def look_up(self, names: Iterable[str]) -> None:
        """Look all of them up, at the same time; forget what is none of them."""
        wanted = set(names)
        found = dict(self._known)
        for name, result in zip(wanted, await asyncio.gather(*map(self._find, wanted)), strict=True):
            if isinstance(result, str):
                if self._problems.get(name) != result:
                    log.warning("%s", result)
                self._problems[name] = result
            else:
                self._problems.pop(name, None)
                found[name] = result
        self._looked_up |= wanted
        kept = {name: addresses for name, addresses in found.items() if name in wanted}
        if kept != self._known:
            self._known = kept
            self._kept.keep(kept)

    async def _find(self, name: str) -> tuple[str, ...] | str:
        """The addresses of a name in a fixed order, or why there are none."""
        try:
            found = await self._lookup(name)
        except BadTrustedServer as error:
            return str(error)
        except OSError as error:
            return f"{name!r} cannot be resolved: {error.strerror or error}"
        return tuple(found[:MOST_ADDRESSES]) or f"{name!r} has no address"


def _addresses_by_name(read: Any) -> dict[str, tuple[str, ...]]:
    return {str(name): tuple(str(ip_address(each)) for each in found) for name, found in read.items()}
