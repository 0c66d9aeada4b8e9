"""What people and Prometheus are told of each server."""

from collections.abc import Iterable

from dnsguard.dns.upstream.health import DOWN, Health

PREFIX = "dnsguard_upstream_"


def described(health: Health) -> str:
    """``Health.state``, and how fast it answers where it does."""
    median = health.latency.quantile(0.5, enough=1)
    if health.state != "up" or median is None:
        return health.state
    return f"up, answers within {median * 1000:.2g} ms as a rule"


def measures(servers: Iterable[tuple[str, Health]]) -> dict[str, float]:
    """Metrics with the server as label; seconds where the name says so. What is not known yet is left out."""
    found: dict[str, float] = {}
    listed = list(servers)
    for name, health in listed:
        found[_metric("up", name)] = int(health.has_answered and not health.state.startswith(DOWN))
    for name, health in listed:
        found[_metric("answers_total", name)] = health.answers
    for name, health in listed:
        found[_metric("failures_total", name)] = health.failures_in_all
    for name, health in listed:
        for share in (0.5, 0.99):
            if (seconds := health.latency.quantile(share)) is not None:
                found[_metric("answer_seconds", name, f',quantile="{share:g}"')] = seconds
    return found


def _metric(metric: str, server: str, more: str = "") -> str:
    return f'{PREFIX}{metric}{{server="{server}"{more}}}'
