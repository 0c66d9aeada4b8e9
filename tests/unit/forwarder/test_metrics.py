from dataclasses import fields

from dnsguard.dns.counters import Counters
from dnsguard.dns.upstream.health import Health
from dnsguard.forwarder import metrics
from dnsguard.forwarder.counters import ForwarderCounters
from dnsguard.leases import Limits
from dnsguard.observe.exposition import exposition


def test_every_counter_says_what_it_counts_and_nothing_else_is_explained() -> None:
    assert metrics.DNS.keys() == {field.name for field in fields(Counters)}
    assert metrics.FORWARDER.keys() == {field.name for field in fields(ForwarderCounters)}


def test_what_workers_counted_is_added() -> None:
    text = exposition(metrics.counted(Counters(queries=2), ForwarderCounters(commits=1), {"queries": 3}))
    assert {"dnsguard_dns_queries_total 5", "dnsguard_forwarder_commits_total 1"} <= set(text.splitlines())


def test_every_failure_has_one_cause() -> None:
    counts = Counters(failed=15, failed_upstream=1, lease_failed=2, lease_deadline=3, over_limit=4).as_dict()
    assert {labels[0][1]: value for labels, value in metrics.failures(counts).values.items()} == {
        "upstream": 1, "lease": 5, "limit": 4, "other": 5,
    }  # fmt: skip


def test_which_policy_is_in_force_and_since_when() -> None:
    assert "dnsguard_forwarder_policy_revision 7\n" in exposition(metrics.told(7, 1.5))
    assert "dnsguard_forwarder_policy_timestamp_seconds 1.5\n" in exposition(metrics.told(7, 1.5))
    assert list(metrics.told(None, 0.0)) == []


def test_how_full_it_is_beside_how_full_it_may_be() -> None:
    text = exposition(metrics.room(5, 3, Limits(edges=50, elements=30)))
    assert {line for line in text.splitlines() if not line.startswith("#")} == {
        "dnsguard_forwarder_learned_records 5", "dnsguard_forwarder_learned_records_limit 50",
        "dnsguard_forwarder_elements 3", "dnsguard_forwarder_elements_limit 30",
    }  # fmt: skip


def test_metrics_of_two_servers() -> None:
    asked, unasked = Health(), Health()
    asked.answered()
    asked.failed(0.0, "no answer")
    for _ in range(100):
        asked.latency.observe(0.004)
    text = exposition(metrics.upstreams({"192.0.2.1:53": asked, "[2001:db8::1]:53": unasked}))
    assert [line for line in text.splitlines() if not line.startswith("#")] == [
        'dnsguard_upstream_up{server="192.0.2.1:53"} 1',
        'dnsguard_upstream_up{server="[2001:db8::1]:53"} 0',
        'dnsguard_upstream_answers_total{server="192.0.2.1:53"} 1',
        'dnsguard_upstream_answers_total{server="[2001:db8::1]:53"} 0',
        'dnsguard_upstream_failures_total{server="192.0.2.1:53"} 1',
        'dnsguard_upstream_failures_total{server="[2001:db8::1]:53"} 0',
        'dnsguard_upstream_answer_seconds{server="192.0.2.1:53",quantile="0.5"} 0.00475682846001',
        'dnsguard_upstream_answer_seconds{server="192.0.2.1:53",quantile="0.99"} 0.00475682846001',
    ]
