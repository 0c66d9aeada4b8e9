"""What the API needs from the rest of the program, and nothing else: the controller builds one ``Services`` value."""

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol
from uuid import uuid4

from dnsguard.access.grants import MASTERS
from dnsguard.api.audit import AuditQuestion, AuditRecord
from dnsguard.api.reading.statuses import NO_STATUSES, Statuses
from dnsguard.api.views.counted import StatsReport
from dnsguard.api.views.effective import Effective
from dnsguard.api.views.explaining import ExplainQuery, Explanation
from dnsguard.api.views.models import EndpointStates, LeaseStates, NameStates, StatusReport
from dnsguard.errors import DnsguardError
from dnsguard.observe.exposition import Metric
from dnsguard.store.interface import Key, Object, Store


class CannotExplain(DnsguardError):
    """The question names something that does not exist, or leaves out what the answer depends on."""

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        """Of the query, as served: ``source``, ``destination``, ``protocol``, ``port``."""
        super().__init__(message)


class BadClient(DnsguardError):
    """A text is neither an address nor written like an endpoint."""


class UnknownEndpoint(DnsguardError):
    """There is no such endpoint."""


class ReadModelUnavailable(DnsguardError):
    """What is asked for cannot be known now (no forwarder is connected, the first compilation still runs)."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends a request: user and groups, as Kubernetes has them."""

    name: str
    groups: tuple[str, ...] = ()
    token: str = ""
    """The uid of the access token that it showed; empty for who came in another way."""

    impersonator: "Caller | None" = None
    """Who acts as this one."""


AUTHENTICATED = "system:authenticated"
"""The group of everybody whom the gate knows; it adds it."""

ADMIN = Caller("admin", (MASTERS,))
"""Who holds the token of the state directory."""

ANONYMOUS = Caller("system:anonymous", ("system:unauthenticated",))
"""Who asks for what is open to everybody, and does not say who it is."""


class TokenExpired(DnsguardError):
    """The token was good once. Only its holder is told so."""


class TokenVerifier(Protocol):
    """Tells who holds a token."""

    def __call__(self, token: str, /) -> Caller | None:
        """``None`` for a token that is unknown. Raises TokenExpired, and Failure 503 while nothing can be told.

        Takes the same time whether it is nearly right or quite wrong.
        """


class Explain(Protocol):
    """Answers what would happen to one connection, by the same evaluator that enforcement is tested against."""

    async def __call__(self, query: ExplainQuery, /) -> Explanation:
        """Raises CannotExplain, ReadModelUnavailable."""


class EffectivePolicies(Protocol):
    """Everything that applies to one endpoint."""

    async def __call__(self, endpoint: str, /) -> Effective:
        """As ``namespace/name``, or the name of a host endpoint. Raises UnknownEndpoint, ReadModelUnavailable."""


class Status(Protocol):
    """How the whole is."""

    async def __call__(self) -> StatusReport:
        """Never raises: what is wrong is what it reports."""


class Endpoints(Protocol):
    """The endpoints and how they are enforced."""

    async def __call__(self, namespace: str | None, /) -> EndpointStates:
        """``None`` for all. Raises ReadModelUnavailable."""


@dataclass(frozen=True, slots=True)
class LeasesQuestion:
    """Which leases are wanted; what is empty asks for all."""

    client: str = ""
    """Endpoint as ``namespace/name``, name of a host endpoint, or an address."""

    name: str = ""
    """A domain pattern that one of the names matches which led there."""

    address: str = ""
    set: str = ""
    """Identifier of a lease set that holds the address."""

    limit: int = 5_000


class Leases(Protocol):
    """What was learned and leased."""

    async def __call__(self, question: LeasesQuestion, /) -> LeaseStates:
        """Raises BadClient, UnknownEndpoint, ReadModelUnavailable."""


class Names(Protocol):
    """Names that were learned."""

    async def __call__(self, pattern: str, limit: int, /) -> NameStates:
        """Those that a domain pattern matches, or all where it is empty; at most so many. Raises
        ReadModelUnavailable."""


@dataclass(frozen=True, slots=True)
class StatsQuestion:
    """Whose counters are wanted; what is empty asks for all."""

    kind: str = ""
    """As in ``PolicyCounts``, or ``Tier``."""

    namespace: str = ""
    name: str = ""
    rules: bool = False
    """Each rule for itself, too."""


class Stats(Protocol):
    """What policy and rules counted on this node."""

    async def __call__(self, question: StatsQuestion, /) -> StatsReport:
        """Raises ReadModelUnavailable."""


class Metrics(Protocol):
    """What Prometheus is told of the controller, the API itself apart."""

    async def __call__(self) -> Iterable[Metric]:
        """Never raises: what cannot be known now is left out."""


@dataclass(frozen=True, slots=True)
class DnsLogQuestion:
    """Which records are wanted; what is empty asks for all."""

    last: int
    client: str = ""
    """Endpoint as ``namespace/name``, or an address."""

    name: str = ""
    """A domain pattern that the name asked matches."""

    denied: bool = False
    """Only what was refused or failed."""


class DnsLog(Protocol):
    """The DNS log of the node's forwarders. Lines are JSON objects, in ASCII and without their newline."""

    async def recent(self, question: DnsLogQuestion, /) -> list[str]:
        """The newest lines, the oldest of them first. Raises BadClient, UnknownEndpoint, ReadModelUnavailable."""

    async def follow(self, question: DnsLogQuestion, /) -> AsyncIterator[str]:
        """An empty line once nothing is missed any more, the same, and then what comes, until the server stops. What
        the reader is too slow for is left out, and a line says how much. Raises the same errors, all before the first
        line."""


@dataclass(frozen=True, slots=True)
class PacketQuestion:
    """Which records are wanted; what is empty asks for all."""

    last: int
    client: str = ""
    """Either end: an endpoint as ``namespace/name``, or an address."""

    action: str = ""
    """``Deny`` or ``Log``."""


class Packets(Protocol):
    """Packets that were denied, and those that Log rules show. Lines are JSON objects, in ASCII and without their
    newline."""

    async def recent(self, question: PacketQuestion, /) -> list[str]:
        """The newest lines, the oldest of them first. Raises BadClient, UnknownEndpoint, ReadModelUnavailable."""

    async def follow(self, question: PacketQuestion, /) -> AsyncIterator[str]:
        """As ``DnsLog.follow``."""


class Audit(Protocol):
    """The audit log. Lines are JSON objects, in ASCII and without their newline."""

    def admit(self) -> None:
        """Keep room for the record of one change, which `record` gives back. Raises AuditUnavailable where there is
        none: the change must not be made then."""

    async def record(self, record: AuditRecord, /, *, admitted: int = 0) -> None:
        """Returns once the record is on the disk, or cannot be put there now, and does not raise; it keeps the order of
        calls. ``admitted``: how many calls of `admit` it ends."""

    async def recent(self, question: AuditQuestion, /) -> list[str]:
        """The newest lines, the oldest of them first. Raises ReadModelUnavailable."""

    async def follow(self, question: AuditQuestion, /) -> AsyncIterator[str]:
        """As ``DnsLog.follow``."""


class Lockouts(Protocol):
    """Says who would be shut out of the node itself by a change."""

    async def __call__(self, key: Key, value: Object | None, /) -> tuple[str, ...]:
        """With the object as it is to be; ``None`` where it goes. Never raises, and is empty where nobody is."""


async def nobody_locked_out(_: Key, __: Object | None) -> tuple[str, ...]:
    """Of an API without a node behind it."""
    return ()


@dataclass(frozen=True, slots=True)
class Services:
    """Everything the routes use."""

    store: Store
    tokens: TokenVerifier
    explain: Explain
    effective: EffectivePolicies
    status: Status
    endpoints: Endpoints
    leases: Leases
    names: Names
    stats: Stats
    metrics: Metrics
    dns_log: DnsLog
    packets: Packets
    audit: Audit
    version: str
    """Of the program, as `/version` and `/v1/status` show it."""

    statuses: Statuses = NO_STATUSES
    lockouts: Lockouts = nobody_locked_out

    api_rate: int = 500
    """Requests a second of one caller, and twice as many at once; over the Unix socket there is no limit."""

    max_body: int = 3 * 1024 * 1024
    """Bytes. What Kubernetes takes (3 MiB); a network set of 10 000 CIDRs is a tenth of it."""

    bookmark_interval: float = 30.0
    """Seconds between two bookmarks of a quiet watch; Kubernetes sends one a minute."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    new_uid: Callable[[], str] = lambda: str(uuid4())
    new_request_id: Callable[[], str] = lambda: str(uuid4())
