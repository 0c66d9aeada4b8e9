"""What the forwarder counted since it started, beside the DNS counters."""

from dataclasses import dataclass, fields


@dataclass(slots=True)
class ForwarderCounters:
    """Plain integers, written by the event loop's thread alone."""

    refused_not_ready: int = 0
    refused_by_policy: int = 0
    refused_unknown: int = 0
    """Unknown workloads, and clients that are not ours."""

    rights_asked: int = 0
    """Servers other than ourselves that the controller was asked about: may this endpoint ask them?"""

    rights_unanswered: int = 0
    """Intercepted queries that were judged without knowing."""

    leases_settled: int = 0
    """Answers whose leases the kernel already held."""

    leases_committed: int = 0
    """Answers that were released after a commit."""

    leases_after: int = 0
    """Answers that were released before their commit, as NoDelay has it."""

    leases_after_failed: int = 0
    """Those of them whose leases could not be written then."""

    leases_refused: int = 0
    """Answers held back because a limit is reached: one of the three that follow."""

    leases_refused_client_full: int = 0
    """This client has learned as much as one client may."""

    leases_refused_name_full: int = 0
    """The name leads to as many addresses as a name may."""

    leases_refused_all_full: int = 0
    """All clients together have, or the kernel's sets hold as many elements as they may."""

    withheld: int = 0
    """Addresses in answers that were not leased because no name may open them."""

    leases_prolonged: int = 0
    """Elements that got more time because their client has a live connection."""

    flow_looks: int = 0
    """Times that the kernel was asked for connections."""

    flow_looks_failed: int = 0

    names_asked: int = 0
    """Addresses that the controller asked names for. That it is counted tells the controller that it may ask."""

    searches: int = 0
    """Searches that the controller asked for; likewise."""

    commits: int = 0
    """Transactions that the kernel acknowledged."""

    commits_failed: int = 0
    elements_added: int = 0
    elements_removed: int = 0
    beats: int = 0
    """Signs of life that the kernel took, where its rules wait for them."""

    beats_failed: int = 0
    snapshots: int = 0
    deltas: int = 0
    saves_failed: int = 0
    self_test_rounds: int = 0
    """How often it was tried to prove that the table enforces."""

    self_test_failures: int = 0

    def as_dict(self) -> dict[str, int]:
        """All of them by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}
