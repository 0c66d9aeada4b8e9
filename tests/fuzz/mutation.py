"""Changes to a DNS message that leave it close to one: what random octets would take for ever to find."""

import struct
from collections.abc import Callable
from random import Random

from tests.fuzz import seeds
from tests.support.dnswire import record, wire

MAX_OCTETS = 4096
TYPES = (0, 1, 2, 5, 6, 12, 15, 16, 28, 33, 39, 41, 46, 64, 65, 250, 255, 65280)
EDGES = (0, 1, 2, 3, 4, 11, 12, 16, 31, 32, 62, 63, 64, 65, 127, 128, 191, 192, 193, 253, 254, 255)
SPLICED = seeds.seeds()

Change = Callable[[bytearray, Random], None]


def place(data: bytearray, dice: Random, margin: int = 0) -> int:
    return dice.randrange(max(1, len(data) - margin))


def one_octet(data: bytearray, dice: Random) -> None:
    if data:
        data[place(data, dice)] = dice.choice((dice.randrange(256), dice.choice(EDGES)))


def one_bit(data: bytearray, dice: Random) -> None:
    if data:
        data[place(data, dice)] ^= 1 << dice.randrange(8)


def count(data: bytearray, dice: Random) -> None:
    """Another number of questions or records than there are."""
    at = dice.choice((4, 6, 8, 10))
    if len(data) >= 12:
        value = max(0, int.from_bytes(data[at : at + 2], "big") + dice.choice((-1, 1, 1, 2, 255)))
        data[at : at + 2] = struct.pack("!H", value & 0xFFFF)


def pointer(data: bytearray, dice: Random) -> None:
    """A compression pointer, mostly to somewhere in the message."""
    target = dice.choice((12, place(data, dice), place(data, dice), dice.randrange(0x4000)))
    at = place(data, dice, 1)
    data[at : at + 2] = struct.pack("!H", 0xC000 | target & 0x3FFF)


def word(data: bytearray, dice: Random) -> None:
    """A type, class or length."""
    at = place(data, dice, 1)
    data[at : at + 2] = struct.pack("!H", dice.choice((dice.choice(TYPES), dice.choice(EDGES), dice.randrange(65536))))


def remove(data: bytearray, dice: Random) -> None:
    at = place(data, dice)
    del data[at : at + dice.choice((1, 1, 2, 4, dice.randrange(1, 40)))]


def insert(data: bytearray, dice: Random) -> None:
    at = place(data, dice)
    data[at:at] = dice.choice(
        (dice.randbytes(dice.randrange(1, 20)), bytes(dice.randrange(1, 80)), b"\x3f" + b"a" * 63)
    )


def stretch(data: bytearray, dice: Random) -> None:
    """A longer label, or what is taken for one."""
    at = place(data, dice)
    more = dice.choice((1, 1, 2, 63 - data[at], dice.randrange(64))) if data and 0 < data[at] < 63 else 0
    if 0 < more <= 63 - data[at]:
        data[at] += more
        data[at + 1 : at + 1] = b"s" * more


def repeat(data: bytearray, dice: Random) -> None:
    at = place(data, dice)
    piece = bytes(data[at : at + dice.randrange(1, 64)])
    where = place(data, dice)
    data[where:where] = piece * dice.choice((1, 1, 2, 4))


def splice(data: bytearray, dice: Random) -> None:
    """The tail of another message."""
    other = dice.choice(SPLICED)
    del data[place(data, dice) :]
    data += other[dice.randrange(len(other)) :]


def add_record(data: bytearray, dice: Random) -> None:
    """One record more at the end, counted in whatever section is last."""
    owner = dice.choice((b"\xc0\x0c", b"\xc0\x10", b"\0", wire("cdn.example.net"), b"\1A\xc0\x0c"))
    body = dice.choice(
        (seeds.PACKED4, seeds.PACKED6, b"\xc0\x0c", b"\1a\xc0\x10", wire("cdn.example.net"), b"", bytes(22))
    )
    if len(data) >= 12:
        at = dice.choice((6, 6, 8, 10))
        data += record(owner, dice.choice(TYPES), body, dice.choice((0, 300, 1 << 31)), dice.choice((1, 1, 1, 3)))
        data[at : at + 2] = struct.pack("!H", (int.from_bytes(data[at : at + 2], "big") + 1) & 0xFFFF)


def cut(data: bytearray, dice: Random) -> None:
    del data[place(data, dice) :]


CHANGES: tuple[Change, ...] = (
    one_octet, one_octet, one_bit, count, pointer, pointer, word, remove, insert, stretch, repeat, splice, cut,
    add_record, add_record,
)  # fmt: skip


def mutated(data: bytes, dice: Random, most: int = MAX_OCTETS) -> bytes:
    """``data`` after a few changes, at most ``most`` octets of it."""
    changed = bytearray(data)
    for _ in range(dice.choice((1, 1, 1, 2, 3, 5))):
        dice.choice(CHANGES)(changed, dice)
    return bytes(changed[:most])
