from dnsguard.dns.upstream.health import FAILURES_TO_DOWN, Health
from dnsguard.dns.upstream.report import described, measures


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


def test_metrics_of_two_servers() -> None:
    asked, unasked = Health(), Health()
    asked.answered()
    asked.failed(0.0, "no answer")
    for _ in range(100):
        asked.latency.observe(0.004)
    assert measures([("192.0.2.1:53", asked), ("[2001:db8::1]:53", unasked)]) == {
        'dnsguard_upstream_up{server="192.0.2.1:53"}': 1,
        'dnsguard_upstream_up{server="[2001:db8::1]:53"}': 0,
        'dnsguard_upstream_answers_total{server="192.0.2.1:53"}': 1,
        'dnsguard_upstream_answers_total{server="[2001:db8::1]:53"}': 0,
        'dnsguard_upstream_failures_total{server="192.0.2.1:53"}': 1,
        'dnsguard_upstream_failures_total{server="[2001:db8::1]:53"}': 0,
        'dnsguard_upstream_answer_seconds{server="192.0.2.1:53",quantile="0.5"}': 0.004_756_828_460_010_884,
        'dnsguard_upstream_answer_seconds{server="192.0.2.1:53",quantile="0.99"}': 0.004_756_828_460_010_884,
    }
