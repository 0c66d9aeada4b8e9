"""What people are told of a server."""

from dnsguard.dns.upstream.health import Health


def described(health: Health) -> str:
    """``Health.state``, and how fast it answers where it does."""
    median = health.latency.quantile(0.5, enough=1)
    if health.state != "up" or median is None:
        return health.state
    return f"up, answers within {median * 1000:.2g} ms as a rule"
