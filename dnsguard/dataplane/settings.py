"""What the node looks like and how its ruleset should behave."""

from dataclasses import dataclass
from enum import StrEnum

from dnsguard.calc.compiled import Address, Network
from dnsguard.calc.evaluator.failsafe import DEFAULT_FAILSAFE, FailsafePorts
from dnsguard.calc.evaluator.node import HostAction as HostAction  # a part of these settings
from dnsguard.calc.evaluator.node import Listen as Listen
from dnsguard.dataplane.canary import Canary
from dnsguard.locations import DENIED_GROUP, LOG_GROUP


class DenyAction(StrEnum):
    """How a denied packet ends. Before routing it is always a silent drop."""

    DROP = "Drop"
    REJECT = "Reject"


@dataclass(frozen=True, slots=True)
class DeniedLog:
    """Denied packets are sent to an NFLOG group, so that they can be written down."""

    group: int = DENIED_GROUP
    per_second: int = 100
    """Of each interface towards workloads, and ten times as many of each kernel rule. What goes beyond is denied just
    the same, and only counted."""


INTERCEPTED_MARK = 0x0004_0000
"""The packet-mark bit that says "belongs here, wherever it is going". An IP rule routes by it."""

OWN_MARK = 0x0008_0000
"""The bit of what the forwarder itself sends to the trusted servers (SO_MARK)."""


@dataclass(frozen=True, slots=True)
class Interception:
    """DNS that goes to other servers comes to the forwarder."""

    port: int
    """Of loopback, where the forwarder takes such packets over transparent sockets."""

    of_node: bool = False
    """What the node itself asks, too, and not only what its workloads ask."""

    trusted: tuple[Address, ...] = ()
    """Servers that the forwarder asks. One that is a workload must reach the servers that it asks itself: what it would
    be told by the forwarder is what it told the forwarder."""

    mark: int = INTERCEPTED_MARK
    own_mark: int = OWN_MARK


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that shapes a plan besides policy. Hashable."""

    table: str = "dnsguard"
    node: str = ""
    """Endpoints of this node, and those that name none, are enforced here. Empty: all of them are."""

    workload_interfaces: tuple[str, ...] = ("cali*",)
    """Names, a trailing ``*`` is a wildcard. What comes or goes there and is no endpoint is dropped."""

    workload_bridges: tuple[str, ...] = ()
    """Names of bridges whose every port is a workload's, whether they are there yet or not."""

    endpoints_known: bool = True
    """False where no policy was read yet: then no connection is taken for one of a deleted workload."""

    workload_cidrs: tuple[Network, ...] = ()
    """The same by address."""

    interface_addresses: tuple[tuple[str, tuple[Address, ...]], ...] = ()
    """The node's interfaces, for host endpoints that are bound by address."""

    bridge_ports: tuple[tuple[str, str], ...] = ()
    """Port and bridge of everything that is plugged into a bridge of the node."""

    listen: tuple[Listen, ...] = ()
    interception: Interception | None = None
    canary: Canary | None = None
    """None where nothing is to be proven."""

    endpoint_to_host: HostAction = HostAction.DROP
    allow_vxlan: bool = False
    """Whether workloads may send VXLAN; policy judges it then."""

    allow_ipip: bool = False
    """The same for IP in IP."""

    deny: DenyAction = DenyAction.DROP
    failsafe: FailsafePorts = DEFAULT_FAILSAFE
    pass_mark: int = 0x0001_0000
    """The packet-mark bit that says "skip the rest of this tier"."""

    accept_mark: int = 0x0002_0000
    """The bit that says "a host endpoint's untracked or pre-DNAT policy allowed this"."""

    mark_mask: int = 0
    """The bits of connections' marks in which the revision of policy stands that allowed them; 0: established
    connections go on whatever policy says by now."""

    checked_mark: int = 0x0010_0000
    """The bit that says "what comes by this port of a bridge may come from there"."""

    at_hooks_mark: int = 0x0020_0000
    """The bit that says "this bridged packet was at the IP hooks, and none dropped it"."""

    log_group: int = LOG_GROUP
    log_per_second: int = 100
    """Per Log rule."""

    denied_log: DeniedLog | None = None
    """None where denied packets are counted and no more."""

    fail_open_after: float = 0.0
    """Seconds without a sign of life of a forwarder after which everything passes; 0: nothing ever does."""

    lease_gc_seconds: int = 30
    """How often the kernel clears expired leases away; they stop matching at once either way. At the kernel's own
    second it walks a million of them with 6 % of a core."""

    @property
    def workload_names(self) -> tuple[str, ...]:
        """Of all interfaces for workloads, as packets of IP bear them; a trailing ``*`` is a wildcard."""
        return self.workload_interfaces + self.workload_bridges
