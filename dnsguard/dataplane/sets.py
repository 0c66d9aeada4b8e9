"""Sets and maps of a ruleset. Pure values."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Generic, NamedTuple, TypeVar

from dnsguard.calc.compiled import Address
from dnsguard.netlink.nftables import TYPEOF_INTERFACE_TARGET, TYPEOF_TARGET

Content = TypeVar("Content")


class KeyType(Enum):
    """What a set holds: how nft says it, nft's numbers of the fields, bytes in a key."""

    IPV4 = ("ipv4_addr", (7,), 4)
    IPV6 = ("ipv6_addr", (8,), 16)
    IPV4_PAIR = ("ipv4_addr . ipv4_addr", (7, 7), 8)
    IPV6_PAIR = ("ipv6_addr . ipv6_addr", (8, 8), 32)
    IPV4_TRIPLE = ("ipv4_addr . inet_proto . inet_service", (7, 12, 13), 12)
    IPV6_TRIPLE = ("ipv6_addr . inet_proto . inet_service", (8, 12, 13), 24)
    PORT = ("inet_service", (13,), 2)
    FAMILY = ("nf_proto", (2,), 1)
    INTERFACE = ("ifname", (41,), 16)
    INTERFACE_IPV4 = ("ifname . ipv4_addr", (41, 7), 20)
    INTERFACE_IPV6 = ("ifname . ipv6_addr", (41, 8), 32)
    ETHER = ("ether_addr", (9,), 6)
    INTERFACE_ETHER = ("ifname . ether_addr", (41, 9), 24)
    TARGET = ("@th,64,128", (4,), 16, TYPEOF_TARGET)
    """The address that a neighbour solicitation or advertisement is about; nft 1.0.6 has no name for it."""

    INTERFACE_TARGET = ("iifname . @th,64,128", (41, 4), 32, TYPEOF_INTERFACE_TARGET)

    def __init__(self, text: str, fields: tuple[int, ...], length: int, typeof: bytes = b"") -> None:
        self.text = f"{'typeof' if typeof else 'type'} {text}"
        self.length = length
        self.typeof = typeof
        """What nft wants to be told of keys that it knows by no name."""

        self.number = 0
        for number in fields:
            self.number = self.number << 6 | number


@dataclass(frozen=True, slots=True)
class Since(Generic[Content]):
    """Where the difference to an earlier content is: whoever holds that one need not look for it among all keys."""

    before: Content
    """The very object; of any other content this says nothing."""

    keys: frozenset[bytes]
    """All that came, went or has another entry. Some may be as they were."""


@dataclass(frozen=True, slots=True)
class HashSet:
    """A set of single keys; the plan owns its content."""

    name: str
    key_type: KeyType
    keys: frozenset[bytes]
    """In network order; concatenated fields padded to four bytes each."""

    comment: str = ""
    since: Since[frozenset[bytes]] | None = field(default=None, compare=False, repr=False)

    def patched(self, gone: AbstractSet[bytes], new: AbstractSet[bytes]) -> "HashSet":
        """Without some keys and with others; the same object where there are none of both."""
        if not gone and not new:
            return self
        less = self.keys - gone if gone else self.keys  # what stays is copied in C
        return replace(self, keys=less | new, since=Since(self.keys, frozenset(gone | new)))


@dataclass(frozen=True, slots=True)
class IntervalSet:
    """A set of disjoint ranges; the plan owns its content."""

    name: str
    key_type: KeyType
    ranges: tuple[tuple[int, int], ...]
    """First and last key of each, as numbers, ascending and disjoint."""

    comment: str = ""


@dataclass(frozen=True, slots=True)
class LeaseSet:
    """(client, destination) pairs with timeouts. The forwarder owns the content; the plan only says that it exists,
    with one element that no packet matches: where that is missing somebody else has emptied the set."""

    name: str
    key_type: KeyType
    gc_seconds: int = 30
    """How often the kernel clears expired elements away; they stop matching at once either way."""

    comment: str = ""

    @property
    def sentinel(self) -> bytes:
        """The key of that element: nobody sends from the unspecified address to the unspecified address."""
        return bytes(self.key_type.length)


@dataclass(frozen=True, slots=True)
class AliveSet:
    """Packet families with timeouts, see `deadman`. Whoever makes it fills it; then the forwarder owns the content."""

    name: str
    seconds: float
    """How long one that was just made keeps its content."""

    comment: str = ""
    key_type: KeyType = KeyType.FAMILY

    @property
    def timeout_ms(self) -> int:
        return int(self.seconds * 1000)


@dataclass(frozen=True, slots=True)
class ShareSet:
    """Interfaces and what each had lately, see `rules.WithinShare`. The kernel owns the content."""

    name: str
    comment: str = ""
    key_type: KeyType = KeyType.INTERFACE
    size: int = 65_535
    """Interfaces; those beyond have no share."""

    seconds: int = 60
    """How long one that sends nothing is remembered."""


class Entry(NamedTuple):
    """What a verdict map says of one key."""

    chain: str | None
    """The chain to jump to; None accepts."""

    label: str = ""
    """A comment, for people."""


@dataclass(frozen=True, slots=True)
class VerdictMap:
    """Keys and what to do with them."""

    name: str
    key_type: KeyType
    entries: Mapping[bytes, Entry] = field(hash=False)
    comment: str = ""
    since: Since[Mapping[bytes, Entry]] | None = field(default=None, compare=False, repr=False)


SENTINEL_COMMENT = "no lease: shows that nobody emptied the set"

Set = HashSet | IntervalSet | LeaseSet | AliveSet | ShareSet | VerdictMap

FAMILY_KEYS = {4: bytes((2,)), 6: bytes((10,))}
"""Keys of `KeyType.FAMILY`: NFPROTO_IPV4 and NFPROTO_IPV6."""


def interface_key(name: str) -> bytes:
    """An interface's name as the kernel compares it."""
    return name.encode()[:15].ljust(16, b"\0")


def triple_key(address: Address, protocol: int, port: int) -> bytes:
    """(address, protocol, port) as a key; each field padded to four bytes."""
    return address.packed + bytes((protocol, 0, 0, 0)) + port.to_bytes(2, "big") + b"\0\0"
