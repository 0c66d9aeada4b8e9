"""Reading the parts that messages are made of: names, EDNS options, address hints. Every byte is bounds-checked.

Total: a result, ``MalformedMessage``, or ``IndexError`` or ``struct.error`` at the end of the data, which ``scan``
turns into ``MalformedMessage``. Compression pointers (RFC 1035 §4.1.4) must point strictly backwards, behind the
header, and at most ``MAX_JUMPS`` of them make up one name, so no message costs more than its size explains.
"""

from struct import Struct
from typing import Final

from dnsguard.dns.message import MalformedMessage

MAX_NAME: Final = 255  # RFC 1035 §2.3.4
MAX_LABEL: Final = 63
MAX_JUMPS: Final = 32

OPTION_ECS: Final = 8
OPTION_PADDING: Final = 12
OPTION_EDE: Final = 15
_KEY_IPV4HINT: Final = 4
_KEY_IPV6HINT: Final = 6

pair = Struct("!HH").unpack_from


def read_name(data: bytes, offset: int, names: dict[int, bytes]) -> tuple[bytes, int]:
    """The name at ``offset`` and the offset behind it. ``names`` holds names that were read before, by offset.

    What a pointer led to is added to it: many pointers to one long name cost no more than one.
    """
    pieces: list[bytes] = []
    piece = position = offset
    after = jumps = total = suffix = 0
    while True:
        length = data[position]
        if length == 0:
            pieces.append(data[piece : position + 1])
            position += 1
            break
        if length <= MAX_LABEL:
            position += length + 1
            if total + position - piece >= MAX_NAME:
                raise MalformedMessage("name longer than 255 octets")
            continue
        if length < 0xC0:
            raise MalformedMessage("label of unknown type")
        target = (length & 0x3F) << 8 | data[position + 1]
        if not 12 <= target < piece:
            raise MalformedMessage("compression pointer that does not point backwards")
        pieces.append(data[piece:position])
        total += position - piece
        after = after or position + 2
        known = names.get(target)
        if known is not None:
            pieces.append(known)
            break
        jumps += 1
        if jumps > MAX_JUMPS:
            raise MalformedMessage("too many compression pointers in one name")
        suffix = suffix or target
        piece = position = target
    name = b"".join(pieces).lower()
    if len(name) > MAX_NAME:
        raise MalformedMessage("name longer than 255 octets")
    if suffix:
        names[suffix] = name[len(pieces[0]) :]
    return name, after or position


def skip_name(data: bytes, offset: int) -> int:
    """The offset behind the name at ``offset``. Follows no pointer, but lets none point forward."""
    start = offset
    while length := data[offset]:
        if length > MAX_LABEL:
            if length < 0xC0:
                raise MalformedMessage("label of unknown type")
            if not 12 <= ((length & 0x3F) << 8 | data[offset + 1]) < start:
                raise MalformedMessage("compression pointer that does not point backwards")
            return offset + 2
        offset += length + 1
        if offset - start >= MAX_NAME:
            raise MalformedMessage("name longer than 255 octets")
    return offset + 1


def read_options(data: bytes, offset: int, end: int, wanted: tuple[int, ...]) -> bytes:
    """Those EDNS options in ``offset..end`` whose code is wanted, with their headers (RFC 6891 §6.1.2)."""
    kept = b""
    while offset < end:
        code, length = pair(data, offset)
        after = offset + 4 + length
        if after > end:
            raise MalformedMessage("EDNS option ends after its record")
        if code in wanted:
            kept += data[offset:after]
        offset = after
    return kept


def read_hints(data: bytes, offset: int, end: int) -> list[bytes]:
    """The packed addresses of ``ipv4hint`` and ``ipv6hint`` in an SVCB or HTTPS record (RFC 9460 §2.2).

    They belong to the record's owner alone, never to its TargetName: nobody has checked that whoever wrote this record
    may speak for the target, so a hint for it must not open what policy allows to that name.
    """
    priority = data[offset] << 8 | data[offset + 1]
    offset += 2
    while length := data[offset]:
        if length > MAX_LABEL:
            raise MalformedMessage("TargetName is compressed or has a label too long")
        offset += length + 1
    offset += 1
    found: list[bytes] = []
    previous = -1
    while offset < end:
        key, length = pair(data, offset)
        offset += 4
        after = offset + length
        if key <= previous or after > end:
            raise MalformedMessage("SVCB parameters out of order or out of bounds")
        if key in (_KEY_IPV4HINT, _KEY_IPV6HINT):
            width = 4 if key == _KEY_IPV4HINT else 16
            if not length or length % width:
                raise MalformedMessage("SVCB address hint of odd length")
            found += [data[i : i + width] for i in range(offset, after, width)]
        previous = key
        offset = after
    if offset != end:
        raise MalformedMessage("SVCB record ends too early")
    return found if priority else []  # AliasMode has no parameters (RFC 9460 §2.4.2)
