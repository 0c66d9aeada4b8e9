"""How the servers of a pool are."""

from dnsguard.dns.upstream.pool import UpstreamPool


def states(pool: UpstreamPool) -> dict[str, str]:
    """Each server and its ``Health.state``."""
    return {server: health.state for server, health in pool.healths().items()}
