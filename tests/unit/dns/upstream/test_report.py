import re

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


def test_one_that_is_far_away_answers_in_whole_milliseconds() -> None:
    health = Health()
    health.answered()
    health.latency.observe(0.14)
    assert re.fullmatch(r"up, answers within 1\d\d ms as a rule", described(health))
