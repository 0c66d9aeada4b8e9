"""The forwarder's metrics by name, with what each of them means."""

from collections.abc import Iterator, Mapping
from typing import Final

from dnsguard.dns.counters import Counters
from dnsguard.dns.upstream.health import Health
from dnsguard.forwarder.counters import ForwarderCounters
from dnsguard.forwarder.dnslog import DnsLog
from dnsguard.leases import Limits
from dnsguard.link.proof import Proof, ProofState
from dnsguard.observe.exposition import Metric, number
from dnsguard.observe.histogram import Histogram

DNS: Final[Mapping[str, str]] = {
    "queries": "Messages that came in as queries. Each is released, refused, a search expansion, failed,"
    " rejected or dropped.",
    "released": "Answers of upstream or the cache that were given out, their leases acknowledged by the kernel.",
    "refused": "Queries that policy refused.",
    "search_expansions": "Queries for names below a search domain that policy denies: a resolver trying its list.",
    "failed": "Queries answered with SERVFAIL: upstream, lease, or a limit for all clients together.",
    "failed_upstream": "Failed queries that waited for an upstream in vain.",
    "rejected": "Queries that cannot be answered, and those beyond the limit of one client.",
    "dropped": "Messages that got no answer: too short, or answers themselves.",
    "released_cached": "Released answers that came from the cache.",
    "released_ready": "Released answers that went out once more as they were, a moment after the last time.",
    "released_stale": "Released answers that had expired, because no upstream answered.",
    "released_truncated": "Released answers that were too large for UDP.",
    "prefetched": "Questions put for names in the cache that were about to expire.",
    "malformed_queries": "Queries that could not be read.",
    "over_limit": "Queries turned away because too many of all clients were waiting.",
    "over_client_limit": "Queries turned away because too many of their client were waiting.",
    "coalesced": "Queries that waited for the upstream question of an equal one.",
    "lease_failed": "Answers held back because their leases could not be written.",
    "lease_deadline": "Answers held back because their leases were not acknowledged in time.",
    "lease_late": "Acknowledgements of leases that came after the deadline.",
    "hook_errors": "Mistakes of dnsguard's own in judging, leasing or observing.",
    "upstream_questions": "Questions put to upstreams, however often each was sent.",
    "upstream_attempts": "Packets and stream messages sent for them.",
    "upstream_failed": "Questions that no upstream answered.",
    "upstream_servfail": "Questions that an upstream answered with SERVFAIL.",
    "upstream_timeouts": "Attempts that nobody answered.",
    "upstream_unmatched": "Packets that answered nothing we had asked, and were ignored.",
    "upstream_wrong_case": "Answers right but for the casing of the question: asked again over TCP.",
    "upstream_malformed": "Answers that could not be read.",
    "upstream_without_edns": "Questions put again without an OPT record.",
    "upstream_tcp": "Questions put over TCP.",
    "upstream_hedged": "Questions put a second time because the answer was late for its upstream.",
    "udp_received": "Datagrams received from clients.",
    "udp_send_errors": "Answers that the kernel would not send.",
    "tcp_connections": "Connections of clients.",
    "tcp_refused": "Connections closed at once by a limit.",
    "tcp_received": "Messages received over them.",
    "tcp_idle_closed": "Connections closed because they were idle.",
    "tcp_overrun": "Connections closed because the client did not take its answers.",
}

FORWARDER: Final[Mapping[str, str]] = {
    "refused_not_ready": "Queries refused because there was no policy yet.",
    "refused_by_policy": "Queries that the client's policy refused.",
    "refused_unknown": "Queries of unknown workloads, and of clients that are not ours.",
    "rights_asked": "Servers of which the controller was asked whether an endpoint may ask them.",
    "rights_unanswered": "Intercepted queries that were judged without an answer of the controller.",
    "leases_settled": "Answers whose leases the kernel already held.",
    "leases_committed": "Answers released after a commit.",
    "leases_after": "Answers released before their commit, as NoDelay has it.",
    "leases_after_failed": "Answers released before a commit that then failed.",
    "leases_refused": "Answers that no lease was written for, because a limit is reached, of three kinds.",
    "leases_refused_client_full": "Of them those whose client had learned as much as one client may.",
    "leases_refused_name_full": "Of them those whose name leads to as many addresses as a name may.",
    "leases_refused_all_full": "Of them those beyond what all clients, or the kernel's sets, may hold.",
    "withheld": "Addresses in answers that were not leased, because no name may open them: special ones, the node's"
    " own, and those of unleased_nets.",
    "leases_prolonged": "Elements that got more time because their client has a live connection.",
    "names_asked": "Addresses that the controller asked names for, of denied packets.",
    "searches": "Searches in what was learned, by whoever asks the API.",
    "flow_looks": "Times that the kernel was asked for connections.",
    "flow_looks_failed": "Times that the kernel did not say which connections there are.",
    "commits": "Transactions that the kernel acknowledged.",
    "commits_failed": "Transactions that the kernel refused, or did not acknowledge in time.",
    "elements_added": "Elements added to the kernel's sets, or made to last longer.",
    "elements_removed": "Elements removed from them.",
    "beats": "Signs of life that the kernel took, where its rules let everything pass without them.",
    "beats_failed": "Signs of life that the kernel refused, or did not acknowledge in time.",
    "snapshots": "Policies received whole.",
    "deltas": "Changes of policy received.",
    "saves_failed": "Times that what was learned could not be saved.",
    "self_test_rounds": "Times that it was tried to prove that the table enforces.",
    "self_test_failures": "Of them those that did not prove it.",
}


def counted(dns: Counters, forwarder: ForwarderCounters, more: Mapping[str, int]) -> Iterator[Metric]:
    """What was counted since the start; ``more``: by workers, under the same names."""
    for part, values, texts in (("dns", dns.as_dict(), DNS), ("forwarder", forwarder.as_dict(), FORWARDER)):
        for name, value in values.items():
            yield number(f"dnsguard_{part}_{name}_total", "counter", texts[name], value + more.get(name, 0))


def failures(counts: Mapping[str, int]) -> Metric:
    """Why queries failed. ``counts``: what was counted, by name; see ``Counters``."""
    by_cause = {
        "upstream": counts["failed_upstream"],
        "lease": counts["lease_failed"] + counts["lease_deadline"],
        "limit": counts["over_limit"],
    }
    by_cause["other"] = max(0, counts["failed"] - sum(by_cause.values()))
    return Metric(
        "dnsguard_dns_failures_total", "counter",
        "Queries answered with SERVFAIL, because no upstream answered, leases could not be written in time (lease), too"
        " many of all clients waited (limit), or for another reason: no policy yet, a mistake of ours.",
        {(("cause", cause),): count for cause, count in by_cause.items()},
    )  # fmt: skip


def durations(log: DnsLog, commits: Histogram) -> Iterator[Metric]:
    """How long things took, of all queries or of a sample; ``commits``: of all transactions."""
    latencies = log.observing.latencies
    yield Metric(
        "dnsguard_dns_query_duration_seconds", "histogram",
        "From a query to its answer, by where the answer came from. Of released answers a sample while none are"
        " logged: at most 1000 a second, and none of those that are sent again as they were.",
        {(("source", source),): each for source, each in latencies.by_source.items()},
    )  # fmt: skip
    yield Metric(
        "dnsguard_upstream_duration_seconds", "histogram", "What queries waited for an upstream; of the same sample.",
        {(("server", server),): each for server, each in latencies.by_server.items()},
    )  # fmt: skip
    yield Metric(
        "dnsguard_lease_wait_seconds", "histogram",
        "What answers of upstreams waited for the kernel to acknowledge their leases; of the same sample.",
        {(): latencies.held},
    )  # fmt: skip
    yield Metric(
        "dnsguard_forwarder_commit_duration_seconds", "histogram",
        "What transactions took that write leases: until the kernel acknowledged them or refused.",
        {(): commits},
    )  # fmt: skip


def upstreams(healths: Mapping[str, Health]) -> Iterator[Metric]:
    """How the upstreams are, by their names."""
    labels = {server: (("server", server),) for server in healths}
    yield Metric(
        "dnsguard_upstream_up", "gauge", "Whether an upstream answers, as far as is known: 1 or 0.",
        {labels[each]: int(health.has_answered and health.down_since is None) for each, health in healths.items()},
    )  # fmt: skip
    yield Metric(
        "dnsguard_upstream_answers_total", "counter", "Well-formed answers of an upstream.",
        {labels[each]: health.answers for each, health in healths.items()},
    )  # fmt: skip
    yield Metric(
        "dnsguard_upstream_failures_total", "counter", "Attempts that it did not answer, or not usably.",
        {labels[each]: health.failures_in_all for each, health in healths.items()},
    )  # fmt: skip
    yield Metric(
        "dnsguard_upstream_answer_seconds", "gauge", "Within how many seconds it answers half and nearly all of them.",
        {
            (*labels[each], ("quantile", f"{share:g}")): seconds
            for each, health in healths.items()
            for share in (0.5, 0.99)
            if (seconds := health.latency.quantile(share)) is not None
        },
    )  # fmt: skip


def told(revision: int | None, at: float) -> Iterator[Metric]:
    """Which policy is in force; None: none. ``at``: when it was told, in seconds since 1970."""
    if revision is not None:
        yield number("dnsguard_forwarder_policy_revision", "gauge",
                     "Revision of the policy in force, as the controller's dnsguard_link_revision counts.",
                     revision)  # fmt: skip
        yield number("dnsguard_forwarder_policy_timestamp_seconds", "gauge",
                     "When the controller told it, in seconds since 1970; while it is away, the last good one's.",
                     at)  # fmt: skip


def room(learned: int, elements: int, limits: Limits) -> Iterator[Metric]:
    """How full the book of leases is."""
    for name, text, value in (
        ("learned_records", "Records learned and not forgotten.", learned),
        ("learned_records_limit", "How many there may be; beyond it answers that open something fail.", limits.edges),
        ("elements", "Elements that the kernel holds for leases.", elements),
        ("elements_limit", "How many it may hold; beyond it answers that open something fail.", limits.elements),
    ):
        yield number(f"dnsguard_forwarder_{name}", "gauge", text, value)


def proven(proof: Proof) -> Iterator[Metric]:
    """What the self-test says, where there is one."""
    if proof.state != ProofState.OFF:
        fresh = proof.state == ProofState.PROVEN and proof.is_ready()
        yield number("dnsguard_forwarder_enforcing", "gauge", "Whether it is proven that the table enforces: 1 or 0.",
                     int(fresh))  # fmt: skip
    if proof.seconds_ago >= 0:
        yield number("dnsguard_forwarder_proven_seconds", "gauge", "How long ago that was proven last.",
                     proof.seconds_ago)  # fmt: skip


def logged(log: DnsLog) -> Iterator[Metric]:
    """How the DNS log keeps up."""
    observing, writer = log.observing, log.writer
    yield number("dnsguard_dns_log_records_total", "counter", "Records made of queries.", observing.records)
    yield number("dnsguard_dns_log_written_lines_total", "counter", "Lines that the file took.", writer.written)
    yield Metric(
        "dnsguard_dns_log_dropped_total", "counter",
        "Records that are missing, because too many queries waited (ring), their client asked too much (client), or the"
        " file did not take them (file).",
        {
            (("reason", "ring"),): observing.dropped,
            (("reason", "client"),): observing.suppressed,
            (("reason", "file"),): writer.lost,
        },
    )  # fmt: skip
    yield number("dnsguard_dns_log_waiting_queries", "gauge", "Queries that wait for their record.", observing.waiting)
    yield number("dnsguard_dns_log_waiting_lines", "gauge", "Lines that wait for the file.", writer.waiting)
