from dnsguard.dns.upstream.health import FAILURES_TO_DOWN, Health
from dnsguard.dns.upstream.report import described


def test_what_people_are_told() -> None:
    health = Health()
    assert described(health) == "not asked yet"
    health.answered()
    assert described(health) == "up"
    health.latency.observe(0.0015)
    assert described(health) == "up, answers within 1.7 ms as a rule"
    for _ in range(FAILURES_TO_DOWN):
        health.failed(0.0, "no answer")
    assert described(health) == "down: no answer"
