"""What the controller and a forwarder say to each other.

Controller to forwarder: a ``Snapshot`` after connecting, then ``Delta``s; ``LeasesQuery``, ``NamesQuery``,
``LeasesSearch``, ``NamesSearch`` and ``DnsLogQuery`` when somebody asks, ``DnsLogStop`` when nobody listens any more;
``SetUses`` for the log; ``RightsReply``, and ``RightsVoid`` where policy is another one now.
Forwarder to controller: ``Hello`` first, ``Ack`` for every snapshot or delta once it is in force (the lease sets it
adds are filled from what was already learned, what it stops using is no longer written), ``LeasesReply``,
``NamesReply``, ``NamesFound``, ``DnsLogReply``, ``Stats``, ``RightsQuery`` where an endpoint asks a server that
``may_query`` says nothing of.

A forwarder keeps the last snapshot (deltas folded in) on disk and starts from it when the controller is away.

Names, addresses and patterns travel as text; the receiver parses them once, at the door.
"""

from dataclasses import dataclass

from dnsguard.link.proof import NO_PROOF, Proof


@dataclass(frozen=True, slots=True)
class LeaseSetFeed:
    """One lease set: which names feed it and which kernel sets carry it."""

    id: str
    kernel_set_v4: str
    """Name of the set ``ipv4_addr . ipv4_addr`` (client . destination) in the table."""

    kernel_set_v6: str
    patterns: tuple[str, ...]
    """Domain patterns, sorted."""


@dataclass(frozen=True, slots=True)
class Identity:
    """One local endpoint as the forwarder needs it: which client an address is, and what it may ask."""

    endpoint: str
    """``namespace/name``, or the name of a host endpoint. Empty (``leases.OUTSIDERS``): all clients that are no known
    endpoint, whose packets this node routes: there ``forwarded`` alone counts."""

    addresses: tuple[str, ...]
    lease_sets: tuple[str, ...]
    """Identifiers of the lease sets its egress policies refer to: leases for it go to these only."""

    may_query: tuple[str, ...]
    """``udp/ADDRESS`` and ``tcp/ADDRESS`` of the forwarder's own addresses that its egress policy lets it send DNS to.
    Where an entry is missing, only names that one of ``lease_sets`` matches are answered."""

    forwarded: tuple[str, ...] = ()
    """Lease sets that host endpoints' policies for forwarded packets refer to: leases for it go to these too, but only
    a policy of its own lets it ask where DNS is denied to it."""


@dataclass(frozen=True, slots=True)
class DnsConfiguration:
    """What FelixConfiguration resources and the controller say of DNS on this node. The forwarder's own settings, where
    given, come first; what is not said here is as the forwarder has it by default."""

    trusted_servers: tuple[str, ...] = ()
    """In the forms of dnsTrustedServers; empty: not said."""

    extra_ttl: float = -1.0
    """Seconds; negative: not said."""

    cache_epoch: int = 0
    """Another one than that of what was learned: all of that is discarded."""

    no_delay: bool = False
    """Answers go out first, and what they open is written afterwards."""

    hold: float = 0.0
    """Seconds an answer may wait for its leases; 0: not said."""

    save_interval: float = 0.0
    """Seconds between two savings of what was learned; 0: not said."""

    dns_log: str = ""
    """``All`` or ``Off``: which queries are written to the DNS log; empty: not said."""

    dns_log_max_files: int = 0
    """Files of the DNS log together; 0: not said."""

    dns_log_max_file_size_mb: int = 0
    """Megabytes of one of them; 0: not said."""

    fail_open_after: float = 0.0
    """Seconds after the last sign of life that the forwarder gives the kernel, from which on everything passes; 0: it
    need not give any. The controller's own setting: it makes the rules that wait for them."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All of it. Replaces whatever the forwarder held."""

    revision: int
    """Counts up with every snapshot and delta of one controller process."""

    table: str
    lease_sets: tuple[LeaseSetFeed, ...]
    identities: tuple[Identity, ...]
    query_policy: str = "AllowAll"
    """``AllowAll`` or ``AllowListed``: beyond the judgement of port 53, are names that no policy allows refused."""

    configuration: DnsConfiguration = DnsConfiguration()
    keeps: bool = False
    """Rules of an earlier run are still in force, which may look into any set: what has no reason any more stays for
    now, and goes with the next snapshot or delta that does not say this."""


@dataclass(frozen=True, slots=True)
class Delta:
    """A change from ``base_revision``; a receiver that is elsewhere asks for a snapshot by reconnecting."""

    revision: int
    base_revision: int
    lease_sets: tuple[LeaseSetFeed, ...]
    """Added or changed."""

    removed_lease_sets: tuple[str, ...]
    identities: tuple[Identity, ...]
    """Added or changed, keyed by ``endpoint``."""

    removed_identities: tuple[str, ...]
    configuration: tuple[DnsConfiguration, ...] = ()
    """The new one, where it changed; otherwise none."""

    keeps: bool = False
    """As a snapshot has it."""


@dataclass(frozen=True, slots=True)
class LeasesQuery:
    """Ask for the leases of one client (an address of it), or of all (empty)."""

    request: int
    client: str


@dataclass(frozen=True, slots=True)
class AskedServer:
    """A DNS server that an endpoint asks; its query was intercepted."""

    endpoint: str
    """As in ``Identity``."""

    server: str
    """The address asked, by policy's count: after DNAT."""


@dataclass(frozen=True, slots=True)
class AskingRight:
    """What policy says of one ``AskedServer``."""

    endpoint: str
    server: str
    transports: tuple[str, ...]
    """Those of ``udp`` and ``tcp`` by which its egress policy lets it send to port 53 there."""


@dataclass(frozen=True, slots=True)
class RightsQuery:
    """Ask what policy says; a forwarder has one of these open at a time."""

    request: int
    asked: tuple[AskedServer, ...]


@dataclass(frozen=True, slots=True)
class RightsReply:
    """By the policy in force when it was sent. What is not known to the controller is not allowed."""

    request: int
    rights: tuple[AskingRight, ...]


@dataclass(frozen=True, slots=True)
class RightsVoid:
    """Policy changed: no ``RightsReply`` before this one counts any more."""


@dataclass(frozen=True, slots=True)
class DnsLogQuery:
    """Ask for records of the DNS log: the newest ``last``, and with ``follow`` those that come, until told to stop."""

    request: int
    last: int
    follow: bool
    client: str = ""
    """An endpoint or an address; empty for all."""

    name: str = ""
    """A domain pattern; empty for all."""

    denied: bool = False
    """Only what was refused or failed."""


@dataclass(frozen=True, slots=True)
class DnsLogStop:
    """Nobody listens to this query's records any more."""

    request: int


@dataclass(frozen=True, slots=True)
class SetUse:
    """Which policies and profiles refer to a lease set, for people; none: the set is used no more."""

    lease_set: str
    policies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SetUses:
    """What changed of the uses. After connecting: all of them."""

    uses: tuple[SetUse, ...]


@dataclass(frozen=True, slots=True)
class Visited:
    """An address that a client sent something to."""

    client: str
    address: str


@dataclass(frozen=True, slots=True)
class NamesQuery:
    """Ask which names led clients to addresses lately, whether policy asks for these names or not.

    For forwarders alone whose ``Stats`` count ``names_asked``: an earlier version takes it for a mistake.
    """

    request: int
    visited: tuple[Visited, ...]


@dataclass(frozen=True, slots=True)
class LeasesSearch:
    """Ask for the leases that meet every condition that is not empty; answered by a ``LeasesReply`` without aliases.

    For forwarders alone whose ``Stats`` count ``searches``.
    """

    request: int
    client: str
    """An address of it."""

    name: str
    """A domain pattern: one of the names that led there matches it."""

    address: str
    lease_set: str
    limit: int


@dataclass(frozen=True, slots=True)
class NamesSearch:
    """Ask for names that were learned. For forwarders alone whose ``Stats`` count ``searches``."""

    request: int
    pattern: str
    """A domain pattern; empty for all names."""

    limit: int


@dataclass(frozen=True, slots=True)
class Hello:
    """A forwarder introduces itself."""

    forwarder: str
    """Process identity, for logs and status."""

    listen: tuple[str, ...]
    """Its own DNS addresses as ``ADDRESS#PORT``; with a wildcard socket, every local address."""

    revision: int
    """Of the snapshot it holds from disk; 0 for none. Never makes the controller skip the snapshot."""


@dataclass(frozen=True, slots=True)
class Ack:
    """The snapshot or delta is in force. ``problem`` says what could not be done, empty when all is well."""

    revision: int
    problem: str = ""


@dataclass(frozen=True, slots=True)
class LearnedLease:
    """One lease, for people: who may reach what, why, and for how long."""

    client: str
    """Endpoint name, or the address of a client that is no known endpoint; ``node`` for node-wide leases."""

    client_address: str
    address: str
    lease_sets: tuple[str, ...]
    """Identifiers of the sets that hold it now; empty when no policy asks for these names."""

    names: tuple[str, ...]
    """The names on the chain that led there, the name that was asked first."""

    seconds_left: float


@dataclass(frozen=True, slots=True)
class LearnedAlias:
    """One step of an alias chain that a client was led along."""

    owner: str
    target: str
    seconds_left: float


@dataclass(frozen=True, slots=True)
class WithheldAddress:
    """An address that a client was led to and that no name may open."""

    address: str
    names: tuple[str, ...]
    """The names on the chain that led there, the name that was asked first."""

    reason: str
    """``in 10.0.0.0/8 of unleased_nets``, ``loopback``, ``the node's own address``, …"""

    seconds_left: float
    """Until the name has to be looked up again."""


@dataclass(frozen=True, slots=True)
class LeasesReply:
    """Answer to a ``LeasesQuery``; bounded, ``truncated`` says so."""

    request: int
    leases: tuple[LearnedLease, ...]
    truncated: bool = False
    aliases: tuple[LearnedAlias, ...] = ()
    """Of the client that was asked for and of the node; none where all leases were asked for."""

    withheld: tuple[WithheldAddress, ...] = ()
    """Likewise: where answers led lately without opening anything."""


@dataclass(frozen=True, slots=True)
class VisitedNames:
    """What led a client to an address; no names where nothing that is still remembered did."""

    client: str
    address: str
    names: tuple[str, ...]
    """Those that were asked for first, then those that they are aliases for."""


@dataclass(frozen=True, slots=True)
class NamesReply:
    """Answer to a ``NamesQuery``."""

    request: int
    visited: tuple[VisitedNames, ...]


@dataclass(frozen=True, slots=True)
class KnownAddress:
    """Where a name leads a client."""

    address: str
    seconds_left: float
    """Until the name has to be looked up again."""


@dataclass(frozen=True, slots=True)
class NameClient:
    """What a client knows of a name."""

    client: str
    """Endpoint name, or the address of a client that is no known endpoint; ``node`` for look-ups that count for all."""

    aliases: tuple[LearnedAlias, ...]
    """Of the name itself: their owner is it."""

    addresses: tuple[KnownAddress, ...]
    """Through aliases, too; the first so many."""

    lease_sets: tuple[str, ...]
    """Identifiers of the sets that its look-ups of the name feed."""


@dataclass(frozen=True, slots=True)
class KnownName:
    """A name that was learned."""

    name: str
    clients: tuple[NameClient, ...]
    clients_left_out: int = 0


@dataclass(frozen=True, slots=True)
class NamesFound:
    """Answer to a ``NamesSearch``; ``truncated``: there are more than were asked for."""

    request: int
    names: tuple[KnownName, ...]
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class DnsLogReply:
    """Records for one ``DnsLogQuery``, each a line of JSON. Bounded: what does not fit is dropped, oldest first."""

    request: int
    lines: tuple[str, ...] = ()
    lost: int = 0
    """Records that were dropped since the last reply to this query."""

    done: bool = False
    """What was there when the query came is told; what follows came later."""

    problem: str = ""
    """Why there are no records; the query is over then."""


@dataclass(frozen=True, slots=True)
class Stats:
    """Counters since the forwarder started, and the health of its upstreams, sent every few seconds."""

    counters: dict[str, int]
    upstreams: dict[str, str]
    """Server → ``up`` and how fast it answers, ``not asked yet``, or why it is not up."""

    problems: tuple[str, ...] = ()
    """What of its configuration it cannot follow, each with what it does instead."""

    proof: Proof = NO_PROOF
    """Whether the table enforces."""


ToForwarder = (
    Snapshot
    | Delta
    | LeasesQuery
    | NamesQuery
    | LeasesSearch
    | NamesSearch
    | DnsLogQuery
    | DnsLogStop
    | SetUses
    | RightsReply
    | RightsVoid
)
ToController = Hello | Ack | LeasesReply | NamesReply | NamesFound | DnsLogReply | Stats | RightsQuery
