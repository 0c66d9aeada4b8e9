"""What can stand in the demo's script: connections and questions, which are rows of its table, and changes between."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LookUp:
    """Somebody asks for a name; the answer must hold the address."""

    name: str
    address: str
    who: str = ""
    """Empty: whoever connects afterwards."""

    server: str = ""
    """Empty: dnsguard, the way programs ask."""


@dataclass(frozen=True, slots=True)
class Connection:
    """A row that sends packets."""

    key: str
    shows: str
    who: str
    to: str
    """As the table shows it."""

    address: str
    port: int
    """0 for ICMP."""

    counter: str
    """The rule that decides: its packet counter in the kernel goes up by this attempt."""

    allowed: bool
    transport: str = "tcp"
    lookups: tuple[LookUp, ...] = ()
    """Before the connection, in this order."""

    twin: str = ""
    """For a denied row: the key of the allowed row that differs in one thing."""

    differs: str = ""
    """In what."""

    source: str = ""
    """Address to send from, where the sender has many."""

    arrives_at: str = ""
    """Judged by whether the packet arrives at this agent's server, where no answer can come back."""

    within: float = 0.0
    """Seconds that the change before it has to take effect."""


@dataclass(frozen=True, slots=True)
class Question:
    """A row that is a look-up: answered with an address, or REFUSED with an extended error."""

    key: str
    shows: str
    who: str
    name: str
    address: str
    """Empty: refused."""

    twin: str = ""
    differs: str = ""

    @property
    def allowed(self) -> bool:
        return bool(self.address)


@dataclass(frozen=True, slots=True)
class DomainChange:
    """A domain is added to, or removed from, a network set over the API."""

    says: str
    namespace: str
    network_set: str
    domain: str
    add: bool


@dataclass(frozen=True, slots=True)
class Introduction:
    """dnsguard is told of a workload that it did not know."""

    says: str
    workload: str


Row = Connection | Question
Act = Row | DomainChange | Introduction
