"""What the forwarder counted since it started, beside the DNS counters."""

from dataclasses import dataclass, fields


@dataclass(slots=True)
class ForwarderCounters:
    """Plain integers, written by the event loop's thread alone."""

    refused_not_ready: int = 0
    refused_by_policy: int = 0
    refused_unknown: int = 0
    """Unknown workloads, and clients that are not ours."""

    leases_settled: int = 0
    """Answers whose leases the kernel already held."""

    leases_committed: int = 0
    """Answers that were released after a commit."""

    leases_after: int = 0
    """Answers that were released before their commit, as NoDelay has it."""

    leases_after_failed: int = 0
    """Those of them whose leases could not be written then."""

    leases_refused: int = 0
    """Answers held back because a limit is reached."""

    leases_prolonged: int = 0
    """Elements that got more time because their client has a live connection."""

    flow_looks: int = 0
    """Times that the kernel was asked for connections."""

    flow_looks_failed: int = 0

    commits: int = 0
    """Transactions that the kernel acknowledged."""

    commits_failed: int = 0
    elements_added: int = 0
    elements_removed: int = 0
    snapshots: int = 0
    deltas: int = 0
    saves_failed: int = 0

    def as_dict(self) -> dict[str, int]:
        """All of them by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}
