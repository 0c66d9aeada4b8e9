"""What is known of a query and of an answer once they are scanned: plain values, names as lower-cased wire bytes.

Names carry their root byte, are uncompressed, and are cut at label borders, never dotted text: one label ``www.evil``
before ``com`` would print like three.
"""

from typing import Final, NamedTuple

from dnsguard.errors import DnsguardError

FLAG_QR: Final = 0x8000
FLAG_AA: Final = 0x0400
FLAG_TC: Final = 0x0200
FLAG_RD: Final = 0x0100
FLAG_RA: Final = 0x0080
FLAG_AD: Final = 0x0020
FLAG_CD: Final = 0x0010
MASK_OPCODE: Final = 0x7800


class MalformedMessage(DnsguardError):
    """These bytes are no well-formed DNS message. The text says what is wrong, never more than that."""


class Query(NamedTuple):
    """What must be known of a query."""

    id: int
    flags: int
    """The 16 flag bits as sent."""

    name: bytes
    """Lower-cased wire form."""

    qtype: int
    qclass: int
    question: bytes
    """The question section as sent, casing kept: name, type, class."""

    edns: bool
    version: int
    udp_size: int
    """Octets the client takes over UDP: at least 512, also where it said less (RFC 6891 §6.2.3)."""

    do: bool
    ecs: bytes
    """The client subnet option with its header, or empty: the one option that changes the answer."""


class Alias(NamedTuple):
    """One CNAME of the chain."""

    owner: bytes
    target: bytes
    ttl: int


class Address(NamedTuple):
    """One address that the query name leads to."""

    address: bytes
    """Packed, 4 or 16 bytes."""

    ttl: int
    """Seconds, of this record alone; ``Answer.aliases`` has those of the aliases before it."""

    names: tuple[bytes, ...]
    """The names on the chain that lead to it: the query name first, the record's owner last."""

    hint: bool
    """From the ``ipv4hint`` or ``ipv6hint`` of an HTTPS or SVCB record (RFC 9460 §7.3)."""


class Answer(NamedTuple):
    """What an answer says, as far as it is believed: the query name and what is reached from it through CNAMEs."""

    name: bytes
    qtype: int
    rcode: int
    addresses: tuple[Address, ...]
    aliases: tuple[Alias, ...]
    """In the order of the chain."""


class Layout(NamedTuple):
    """An answer's facts, and where in its bytes the things are that a relay patches."""

    answer: Answer
    truncated: bool
    end: int
    """The message ends here when its OPT record is taken off. Where OPT is not the last record, all of the additional
    section goes with it: cutting from the middle would leave pointers astray."""

    additional: int
    """ARCOUNT of the message cut at ``end``."""

    ttl_offsets: tuple[int, ...]
    ttls: tuple[int, ...]
    """Of all records before ``end``, in their order; a TTL with its top bit set counts as 0 (RFC 2181 §8)."""

    negative_ttl: int
    """Seconds by the SOA of the authority section (RFC 2308 §5), -1 without one."""

    matches: int
    """Records of the type asked in the answer section; with none of them it is a negative answer or a referral."""

    options: bytes
    """EDNS options of the OPT record that concern the client: extended errors and client subnet."""
