"""What the DNS side counted since it started: plain integers, written by the event loop's thread alone."""

from dataclasses import dataclass, fields


@dataclass(slots=True)
class Counters:
    """Every query ends in exactly one of ``released``, ``refused``, ``search_expansions``, ``failed``, ``rejected`` or
    ``dropped``."""

    queries: int = 0
    released: int = 0
    refused: int = 0
    """By the judge."""

    search_expansions: int = 0
    """Names below a search domain that no policy allows: NXDOMAIN, though nobody may have meant them."""

    failed: int = 0
    """SERVFAIL: upstream, lease, or a limit for all clients together."""

    failed_upstream: int = 0
    """Of them those that waited for an upstream in vain."""

    rejected: int = 0
    """FORMERR, NOTIMP, BADVERS, unaskable types and classes, and REFUSED by the limit of one client."""

    dropped: int = 0
    """No answer: too short, or an answer itself."""

    released_cached: int = 0
    released_ready: int = 0
    """Of them those that went out once more as they were."""

    released_stale: int = 0
    """Expired answers that were given because no server answered."""

    released_truncated: int = 0
    prefetched: int = 0
    """Questions put for names in the cache that were about to expire."""

    malformed_queries: int = 0
    over_limit: int = 0
    over_client_limit: int = 0
    coalesced: int = 0
    lease_failed: int = 0
    lease_deadline: int = 0
    lease_late: int = 0
    """A hook reported after the deadline, or twice."""

    hook_errors: int = 0

    upstream_questions: int = 0
    upstream_attempts: int = 0
    upstream_failed: int = 0
    """Questions that no server answered in time."""

    upstream_servfail: int = 0
    """Questions that a server answered with SERVFAIL."""

    upstream_timeouts: int = 0
    """Attempts that nobody answered."""

    upstream_unmatched: int = 0
    """Packets that were ignored: wrong ID, wrong question, no answer, or too late."""

    upstream_wrong_case: int = 0
    """Right but for the casing of the question: asked again over TCP."""

    upstream_malformed: int = 0
    upstream_without_edns: int = 0
    """Questions put again without an OPT record."""

    upstream_tcp: int = 0
    upstream_hedged: int = 0
    """Questions put a second time because the answer was late for its server."""

    udp_received: int = 0
    udp_send_errors: int = 0
    tcp_connections: int = 0
    tcp_refused: int = 0
    """Connections closed at once by a limit."""

    tcp_received: int = 0
    tcp_idle_closed: int = 0
    tcp_overrun: int = 0
    """Connections closed because the client did not take its answers."""

    def as_dict(self) -> dict[str, int]:
        """All of them by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}
