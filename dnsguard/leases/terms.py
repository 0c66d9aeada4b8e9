"""How long a lease lasts and how many there may be."""

from dataclasses import dataclass
from typing import Final

from dnsguard.errors import DnsguardError


@dataclass(frozen=True, slots=True)
class Terms:
    """The life of a lease, in seconds. The defaults are the ones that clients in the field need."""

    floor: float = 60.0
    """No lease is shorter: clients that look up with a TTL of 0 still have to connect, retries included."""

    cap: float = 86400.0
    """A longer TTL counts as this."""

    extra: float = 0.0
    """Added to every TTL, for clients that keep addresses longer than they should (``dnsExtraTTL``)."""

    grace: float = 30.0
    """What the kernel keeps a lease beyond the TTL that the client was told."""

    slack: float = 15.0
    """A lease that has to be raised is raised by this much more, so that a name asked for all the time costs the kernel
    one write in this many seconds and not one for each answer."""

    def lease(self, ttl: float) -> float:
        """Seconds from now that a record of this TTL is leased at least."""
        return max(self.floor, min(max(ttl, 0.0), self.cap) + self.extra + self.grace)

    @property
    def longest(self) -> float:
        """Seconds from now that any lease can last."""
        return self.lease(self.cap) + self.slack

    def client_ttl(self, left: float) -> int:
        """The highest TTL a client may be told when its lease lasts ``left`` more seconds."""
        return max(0, int(left - self.grace))


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of what is learned. At a bound expired data goes first, then names that no lease comes from, then the
    answer that asks for more is refused; a live lease is never given up for another."""

    edges_per_scope: int = 16_384
    """Records learned for one client. One client at its bound takes nothing from the others."""

    edges_of_node: int = 262_144
    """The same for look-ups that count node-wide, which come from many programs."""

    addresses_per_name: int = 1_000
    edges: int = 1_000_000
    """Records learned in total."""

    elements: int = 1_000_000
    """Elements in the kernel's sets, about 80 bytes of kernel memory each."""

    unknown_clients: int = 4_096
    """Clients that are no endpoint; the answers of further ones are not learned from."""


CLIENT_FULL: Final = "records of one client"
NAME_FULL: Final = "addresses of one name"
ALL_FULL: Final = "records"
UNKNOWN_FULL: Final = "unknown clients"
KERNEL_FULL: Final = "elements"
"""The bounds, as they are called for people."""


class LimitReached(DnsguardError):
    """A lease was refused because a bound is reached: the answer must not be released. Asking later may succeed."""

    def __init__(self, limit: str, bound: int) -> None:
        super().__init__(f"lease limit reached: {limit} ({bound})")
        self.limit = limit
