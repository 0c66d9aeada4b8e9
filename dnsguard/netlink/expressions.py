"""The expressions of an nftables rule as bytes, one function each. Pure.

A rule is a list of expressions that load values into registers, test them, and set a verdict. Register 0 takes the
verdict; 1 to 4 are sixteen bytes wide, and 8 to 23 are the same space in steps of four (``NFT_REG32_00`` = 8).
Each function returns one list element for `nftables.add_rule`. What `nft list` can print back is the guide to what
may be combined; the tests load every kind of rule and read it back.
"""

from functools import lru_cache

from dnsguard.netlink.codec import attribute, be16, be32, be64, nested, text

LIST_ELEMENT = 1

REGISTER_VERDICT = 0
REGISTER_1 = 1
REGISTER_2 = 2
REGISTER32_01 = 9
REGISTER32_02 = 10
REGISTER32_05 = 13

VERDICT_DROP, VERDICT_ACCEPT, VERDICT_JUMP, VERDICT_GOTO, VERDICT_RETURN = 0, 1, -3, -4, -5

META_MARK, META_IIFNAME, META_OIFNAME, META_NFPROTO, META_L4PROTO = 3, 6, 7, 15, 16
META_BRIDGE_IN, META_BRIDGE_OUT = 17, 18
"""The bridge that the port is of by which the packet came, or leaves (``NFT_META_BRI_IIFNAME``)."""

CT_STATE, CT_DIRECTION, CT_STATUS, CT_MARK = 0, 1, 2, 3
DIRECTION_ORIGINAL, DIRECTION_REPLY = 0, 1
STATUS_EXPECTED, STATUS_CONFIRMED = 1, 8
STATE_INVALID, STATE_ESTABLISHED, STATE_RELATED, STATE_NEW, STATE_UNTRACKED = 1, 2, 4, 8, 64
LINK_HEADER, NETWORK_HEADER, TRANSPORT_HEADER = 0, 1, 2
EQUAL, NOT_EQUAL, LESS, LESS_OR_EQUAL, GREATER, GREATER_OR_EQUAL = range(6)

FIB_INTERFACE, FIB_ADDRESS_TYPE = 1, 3
FIB_SOURCE, FIB_DESTINATION, FIB_CAME_BY, FIB_IS_THERE = 1, 2, 8, 32
TYPE_LOCAL = 2
"""An address of the machine itself (``RTN_LOCAL``)."""

OBJECT_COUNTER = 1
_UPDATE = 1
"""What a rule does to a dynamic set: have the element there, and let it last anew (``NFT_DYNSET_OP_UPDATE``)."""

ICMPX_UNREACHABLE, ICMPX_ADMIN_PROHIBITED = 2, 3


# A ruleset says the same few things ten thousand times, so most of them are built once.


def _expression(name: str, *parts: bytes) -> bytes:
    return nested(LIST_ELEMENT, text(1, name), nested(2, *parts))


def _value(kind: int, data: bytes) -> bytes:
    return nested(kind, attribute(1, data))


@lru_cache(maxsize=16384)
def verdict_data(kind: int, code: int, chain: str | None = None) -> bytes:
    """A verdict as data attribute ``kind``; ``chain`` with JUMP and GOTO only."""
    named = text(2, chain) if chain is not None else b""
    return nested(kind, nested(2, be32(1, code), named))


@lru_cache(maxsize=2048)
def meta(key: int, register: int = REGISTER_1) -> bytes:
    """Load a property of the packet."""
    return _expression("meta", be32(2, key), be32(1, register))


@lru_cache(maxsize=2048)
def set_meta(key: int, register: int = REGISTER_1) -> bytes:
    return _expression("meta", be32(2, key), be32(3, register))


@lru_cache(maxsize=2048)
def payload(base: int, offset: int, length: int, register: int = REGISTER_1) -> bytes:
    """Load bytes of the packet, counted from the start of a header."""
    return _expression("payload", be32(1, register), be32(2, base), be32(3, offset), be32(4, length))


@lru_cache(maxsize=2048)
def compare(operator: int, data: bytes, register: int = REGISTER_1) -> bytes:
    return _expression("cmp", be32(1, register), be32(2, operator), _value(3, data))


def in_range(low: bytes, high: bytes, *, negated: bool = False, register: int = REGISTER_1) -> bytes:
    """Is the register between ``low`` and ``high``, both included?"""
    return _expression("range", be32(1, register), be32(2, int(negated)), _value(3, low), _value(4, high))


@lru_cache(maxsize=2048)
def bitwise(mask: bytes, flip: bytes, source: int = REGISTER_1, target: int = REGISTER_1) -> bytes:
    """target = (source & mask) ^ flip; the length is that of the mask."""
    return _expression(
        "bitwise", be32(1, source), be32(2, target), be32(3, len(mask)), be32(6, 0), _value(4, mask), _value(5, flip)
    )


@lru_cache(maxsize=2048)
def lookup(set_name: str, register: int = REGISTER_1, *, negated: bool = False) -> bytes:
    """Is the register's value an element of the set?"""
    inverted = be32(5, 1) if negated else b""
    return _expression("lookup", text(1, set_name), be32(2, register), inverted)


def lookup_verdict(map_name: str, register: int = REGISTER_1) -> bytes:
    """Take the verdict that the map holds for the register's value; without an element go on."""
    return _expression("lookup", text(1, map_name), be32(2, register), be32(3, REGISTER_VERDICT))


@lru_cache(maxsize=2048)
def connection(key: int, register: int = REGISTER_1) -> bytes:
    """Load a property of the packet's connection."""
    return _expression("ct", be32(1, register), be32(2, key))


@lru_cache(maxsize=2048)
def set_connection(key: int, register: int = REGISTER_1) -> bytes:
    return _expression("ct", be32(2, key), be32(4, register))


@lru_cache(maxsize=16384)
def verdict(code: int, chain: str | None = None) -> bytes:
    return _expression("immediate", be32(1, REGISTER_VERDICT), verdict_data(2, code, chain))


def counter(name: str) -> bytes:
    """Count the packet in the named counter object."""
    return _expression("objref", be32(1, OBJECT_COUNTER), text(2, name))


def limit(rate: int, unit_seconds: int, burst: int) -> bytes:
    """Go on for at most ``rate`` packets in ``unit_seconds``, with ``burst`` on top."""
    return _expression("limit", *_limit(rate, unit_seconds, burst))


def _limit(rate: int, unit_seconds: int, burst: int) -> tuple[bytes, ...]:
    return be64(1, rate), be64(2, unit_seconds), be32(3, burst), be32(4, 0), be32(5, 0)


def within_limit(set_name: str, rate: int, unit_seconds: int, burst: int, register: int = REGISTER_1) -> bytes:
    """Go on within the limit that the dynamic set has for the register's value; one that is new gets it in full. Where
    the set is full, the rule ends."""
    limited = nested(7, text(1, "limit"), nested(2, *_limit(rate, unit_seconds, burst)))
    return _expression("dynset", text(1, set_name), be32(3, _UPDATE), be32(4, register), limited)


def log(group: int, prefix: str, queue_threshold: int = 0) -> bytes:
    """Send the packet to the NFLOG group. The kernel cuts the prefix at 127 characters."""
    threshold = be16(4, queue_threshold) if queue_threshold else b""
    return _expression("log", be16(1, group), text(2, prefix), threshold)


def notrack() -> bytes:
    """Keep the packet out of connection tracking; only before it, in raw."""
    return _expression("notrack")


def reject() -> bytes:
    """Refuse with ICMP or ICMPv6 "administratively prohibited", whichever fits the packet."""
    return _expression("reject", be32(1, ICMPX_UNREACHABLE), attribute(2, bytes([ICMPX_ADMIN_PROHIBITED])))


def address_type(side: int = FIB_DESTINATION, register: int = REGISTER_1) -> bytes:
    """Load what an address (`FIB_SOURCE`, `FIB_DESTINATION`) is to the machine, four bytes in host order: `TYPE_LOCAL`
    and its like."""
    return _expression("fib", be32(1, register), be32(2, FIB_ADDRESS_TYPE), be32(3, side))


def goes_back(register: int = REGISTER_1) -> bytes:
    """Load whether the destination is routed to where the packet came from, four bytes in host order: 1 or 0."""
    flags = FIB_DESTINATION | FIB_CAME_BY | FIB_IS_THERE
    return _expression("fib", be32(1, register), be32(2, FIB_INTERFACE), be32(3, flags))


def duplicate(address: int = REGISTER_1, interface: int = REGISTER_2) -> bytes:
    """Send a copy, as it is, by way of the address and the interface (its number) in the registers. For tables of one
    IP version."""
    return _expression("dup", be32(1, address), be32(2, interface))


def load(data: bytes, register: int = REGISTER_1) -> bytes:
    """Put a constant into a register."""
    return _expression("immediate", be32(1, register), _value(2, data))


def transparent_proxy(family_number: int, address: int = REGISTER_1, port: int = REGISTER_2) -> bytes:
    """Give the packet, unchanged, to the transparent socket at the address and port in the registers (TPROXY); where
    there is none, the rule ends. Only in prerouting."""
    return _expression("tproxy", be32(1, family_number), be32(2, address), be32(3, port))
