"""What people are told of a server."""

from dnsguard.dns.upstream.health import Health


def described(health: Health) -> str:
    """``Health.state``, and how fast it answers where it does."""
    median = health.latency.quantile(0.5, enough=1)
    if health.state != "up" or median is None:
        return health.state
    milliseconds = median * 1000
    return f"up, answers within {milliseconds:.{int(milliseconds < 10)}f} ms as a rule"
