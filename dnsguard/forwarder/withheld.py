"""Addresses that answers led clients to and that no name may open, kept as long as a lease would have lasted.

For people who wonder why a name that policy allows opens nothing. Bounded: the clients and addresses that were seen
last are kept.
"""

from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from typing import Final

from dnsguard.dns.eligible import Eligible
from dnsguard.domains import name_text
from dnsguard.leases import Scope
from dnsguard.leases.feeds import AnswerFacts
from dnsguard.leases.terms import Terms
from dnsguard.link.messages import WithheldAddress

MAX_SCOPES: Final = 256
MAX_ADDRESSES: Final = 32
"""Of each scope."""

_Addresses = dict[tuple[tuple[bytes, ...], bytes], float]
"""(Names of the chain, address) → until when it counts, what was seen last at the end."""


class Withheld:
    """Belongs to the event loop's thread. To be asked for only what ``eligible.refused`` says is worth it."""

    def __init__(self, eligible: Eligible) -> None:
        self.eligible = eligible
        self._of: dict[Scope, _Addresses] = {}

    def take(self, scope: Scope, answer: AnswerFacts, terms: Terms, now: float, age: float) -> int:
        """Take note of what in an answer may not be leased; how many addresses that is. ``age``: of its TTLs."""
        found = [record for record in answer.addresses if self.eligible.reason(record.address) is not None]
        if found:
            known = self._of.pop(scope, {})
            for record in found[:MAX_ADDRESSES]:
                key = tuple(record.names), record.address
                known.pop(key, None)
                known[key] = now + terms.lease(record.ttl - age)
            while len(known) > MAX_ADDRESSES:
                del known[next(iter(known))]
            self._of[scope] = known
            if len(self._of) > MAX_SCOPES:
                del self._of[next(iter(self._of))]
        return len(found)

    def of(self, scopes: Iterable[Scope], now: float) -> Iterator[WithheldAddress]:
        """What still counts, with the reason as it is now."""
        for scope in scopes:
            for (names, address), until in self._of.get(scope, {}).items():
                reason = self.eligible.reason(address)
                if until > now and reason is not None:
                    yield WithheldAddress(
                        address=str(ip_address(address)),
                        names=tuple(map(name_text, names)),
                        reason=reason,
                        seconds_left=round(until - now, 3),
                    )
