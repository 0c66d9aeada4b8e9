"""How a name that policy denies is answered.

=========================  ==============================  =================================================
the name                   answer                          why
=========================  ==============================  =================================================
is below a search domain   NXDOMAIN with SOA, at once      a resolver goes on to the next domain of its list,
                                                           and in the end to the name as it was meant; REFUSED
                                                           ends the list (glibc), or is waited out (musl)
any other, ``Refused``     REFUSED                         says what it is; not kept by any cache
any other, ``NXDomain``    NXDOMAIN with SOA               for programs that stall on REFUSED, as all with musl
=========================  ==============================  =================================================

Each has an extended error (RFC 8914). The SOA lets caches keep the answer for ``NEGATIVE_TTL`` (RFC 2308 §5), and
no longer, since policy may change; without one some would ask again and again, and some keep it as long as they like.
"""

from collections.abc import Iterable
from typing import Final

from dnsguard.dns.codes import EDE_BLOCKED, NXDOMAIN
from dnsguard.dns.hooks import Refusal
from dnsguard.domains.search import SearchDomains

NEGATIVE_TTL: Final = 5
"""Seconds."""

EXPANSION: Final = Refusal(
    NXDOMAIN, EDE_BLOCKED, "no policy allows this name below a search domain", NEGATIVE_TTL, is_denial=False
)


class Refusing:
    """Turns a denial into the answer that the settings want."""

    def __init__(self, search_domains: Iterable[bytes] = (), *, nxdomain: bool = False) -> None:
        self._search = SearchDomains(search_domains)
        self._nxdomain = nxdomain

    def answer(self, denial: Refusal, name: bytes) -> Refusal:
        """The answer to a query for ``name`` (wire form) that policy denies."""
        if self._search.holding(name) is not None:
            return EXPANSION
        return denial._replace(rcode=NXDOMAIN, negative_ttl=NEGATIVE_TTL) if self._nxdomain else denial
