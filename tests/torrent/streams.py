"""The streams of packets, and what policy says of each.

::

    a, b, c   workloads that dnsguard knows        s   one that it does not        outside   the internet of the lab

Every stream there is for IPv4 and for IPv6. What a name opens is opened by looking it up, and by nothing else.
"""

from dataclasses import dataclass
from enum import Enum

from tests.support.lab.topology import Record, Workload

A, B, C, S = "flow-a", "flow-b", "flow-c", "flow-s"
OUTSIDE = "internet"

WORKLOADS = (
    Workload(A, "torrent", ("10.244.1.10", "fd00::1:10"), {"app": "a"}),
    Workload(B, "torrent", ("10.244.1.11", "fd00::1:11"), {"app": "b"}),
    Workload(C, "torrent", ("10.244.1.12", "fd00::1:12"), {"app": "c"}),
    Workload(S, "torrent", ("10.244.1.19", "fd00::1:19"), known=False),
)

OPEN_NAME, SECRET_NAME = "open.example.com", "secret.example.com"
TTL = 30
RECORDS = (
    Record(OPEN_NAME, "A", "192.0.2.20", TTL),
    Record(OPEN_NAME, "AAAA", "2001:db8:4::20", TTL),
    Record(SECRET_NAME, "A", "192.0.2.30", TTL),
    Record(SECRET_NAME, "AAAA", "2001:db8:4::30", TTL),
)
LOOKED_UP = ((A, OPEN_NAME), (C, SECRET_NAME))
"""Who asks for what, over and over. Policy would let a reach both names."""

PORT = 9000
"""Where new packets go."""

REPLIED_PORT = 9001
"""Where flows go that were answered once."""

OWN_PORTS = (40_001, 40_002)
"""Where those begin."""


class Verdict(Enum):
    """What is to become of a packet."""

    ARRIVES = "arrives"
    DROPPED = "dropped"
    EITHER = "either"
    """While policy about it is being changed."""


class Way(Enum):
    """Which of the two engines sends it."""

    OUT = "from workloads"
    IN = "to workloads"


@dataclass(frozen=True, slots=True)
class Stream:
    """Packets from one place to another. Addresses are the IPv4 and the IPv6 one."""

    name: str
    way: Way
    verdict: Verdict
    sent_by: str
    source: tuple[str, str]
    to: tuple[str, str]
    received_by: str
    is_replied: bool = False
    """Of flows that were begun before and answered."""


_OWN = {workload.name: (workload.addresses[0], workload.addresses[1]) for workload in WORKLOADS}
BY_CIDR = "198.51.100.10", "2001:db8:1::10"
BY_LABEL = "203.0.113.10", "2001:db8:3::10"
BY_NAME = "192.0.2.20", "2001:db8:4::20"
BY_NAME_OF_ANOTHER = "192.0.2.30", "2001:db8:4::30"
REPLIED = "198.51.100.40", "2001:db8:2::40"
BY_TURNS = "198.51.100.50", "2001:db8:5::50"
DENIED = "198.51.100.66", "2001:db8:6::66"
UNSAID = "192.0.3.5", "2001:db8:7::5"

_YES, _NO = Verdict.ARRIVES, Verdict.DROPPED

TURNING_OUT, TURNING_IN = "out by turns", "in by turns"

STREAMS = (
    Stream("out by CIDR", Way.OUT, _YES, A, _OWN[A], BY_CIDR, OUTSIDE),
    Stream("out by policy denied", Way.OUT, _NO, A, _OWN[A], DENIED, OUTSIDE),
    Stream("out by label", Way.OUT, _YES, A, _OWN[A], BY_LABEL, OUTSIDE),
    Stream("out denied at the end of the tier", Way.OUT, _NO, A, _OWN[A], UNSAID, OUTSIDE),
    Stream("out by name", Way.OUT, _YES, A, _OWN[A], BY_NAME, OUTSIDE),
    Stream("out by name, looked up by another", Way.OUT, _NO, A, _OWN[A], BY_NAME_OF_ANOTHER, OUTSIDE),
    Stream("to a workload by label", Way.OUT, _YES, A, _OWN[A], _OWN[B], B),
    Stream(TURNING_OUT, Way.OUT, _NO, A, _OWN[A], BY_TURNS, OUTSIDE),
    Stream("out, established", Way.OUT, _YES, A, _OWN[A], REPLIED, OUTSIDE, is_replied=True),
    Stream("out, spoofed", Way.OUT, _NO, C, _OWN[A], BY_CIDR, OUTSIDE),
    Stream("out, unknown workload", Way.OUT, _NO, S, _OWN[S], BY_CIDR, OUTSIDE),
    Stream("in by CIDR", Way.IN, _YES, OUTSIDE, BY_CIDR, _OWN[A], A),
    Stream("in by policy denied", Way.IN, _NO, OUTSIDE, DENIED, _OWN[A], A),
    Stream("in by label", Way.IN, _YES, OUTSIDE, BY_LABEL, _OWN[A], A),
    Stream("in denied at the end of the tier", Way.IN, _NO, OUTSIDE, UNSAID, _OWN[A], A),
    Stream(TURNING_IN, Way.IN, _NO, OUTSIDE, BY_TURNS, _OWN[A], A),
    Stream("in, unknown workload", Way.IN, _NO, OUTSIDE, BY_CIDR, _OWN[S], S),
    Stream("in, reply", Way.IN, _YES, OUTSIDE, REPLIED, _OWN[A], A, is_replied=True),
)
