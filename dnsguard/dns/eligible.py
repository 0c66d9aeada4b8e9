"""Addresses that no name may ever open: special ones (metadata services live there), the node's own, and those of
networks that the settings name (``unleased_nets``).

Each is recognised also as the IPv6 address that carries it: mapped and compatible (RFC 4291 §2.5.5), NAT64 (RFC 6052,
RFC 8215), 6to4 (RFC 3056), translated (RFC 2765 §2.1) and Teredo (RFC 4380 §4). Where policy wants one of
them, its ``nets`` say so. An answer that names one is released all the same, and the others in it are leased.
"""

from collections.abc import Callable, Container, Iterable
from ipaddress import IPv4Network, IPv6Network
from typing import Final, NamedTuple

_MAPPED: Final = bytes(10) + b"\xff\xff"
_TRANSLATED: Final = bytes(8) + b"\xff\xff\x00\x00"
_TEREDO: Final = bytes.fromhex("20010000")
_COMPATIBLE: Final = bytes(12)
_NAT64: Final = bytes.fromhex("0064ff9b") + bytes(8)
_NAT64_LOCAL: Final = bytes.fromhex("0064ff9b0001")
_UNSPECIFIED: Final = bytes(16)
_ORDINARY: Final = bytes(first not in (0, 127, 169) and first < 224 for first in range(256))
"""By the first octet of an IPv4 address: 1 where none of them is special."""

_LOOPBACK: Final = bytes(15) + b"\x01"


class _Prefix(NamedTuple):
    shift: int
    bits: int
    text: str


class UnleasedNets:
    """Networks whose addresses no name opens."""

    __slots__ = ("_prefixes",)

    def __init__(self, nets: Iterable[IPv4Network | IPv6Network] = ()) -> None:
        found: dict[int, list[_Prefix]] = {4: [], 16: []}
        for net in nets:
            shift = net.max_prefixlen - net.prefixlen
            found[net.max_prefixlen // 8].append(_Prefix(shift, int(net.network_address) >> shift, str(net)))
        self._prefixes = {length: tuple(prefixes) for length, prefixes in found.items()}

    def holding(self, address: bytes) -> str | None:
        """The first of the networks that holds the packed ``address`` as it is written, ``None`` where none does."""
        prefixes = self._prefixes[len(address)]
        if prefixes:
            number = int.from_bytes(address, "big")
            for shift, bits, text in prefixes:
                if number >> shift == bits:
                    return text
        return None


class Eligible:
    """Whether an address may be leased at all: ``ineligible`` for those who ask of every address of every answer."""

    def __init__(self, own: Callable[[], Container[bytes]], nets: UnleasedNets | None) -> None:
        """``own``: the node's addresses as they are now; ``nets``: None where there are none."""
        self._own = own
        self._nets = nets
        self.refused = False
        """Whether it has said no since somebody cleared this: only then an answer is worth a second look."""

    def __call__(self, address: bytes) -> bool:
        own = self._own()
        if self._nets is None and len(address) == 4 and _ORDINARY[address[0]] and address not in own:
            return True
        if ineligible(address, own, self._nets) is None:
            return True
        self.refused = True
        return False

    def reason(self, address: bytes) -> str | None:
        """Why not, as ``ineligible`` has it."""
        return ineligible(address, self._own(), self._nets)


def ineligible(address: bytes, own: Container[bytes] = (), nets: UnleasedNets | None = None) -> str | None:
    """Why the packed ``address`` is never leased, ``None`` where it may be. ``own``: packed addresses of this node."""
    if address in own:
        return "the node's own address"
    if nets is not None and (net := nets.holding(address)) is not None:
        return f"in {net} of unleased_nets"
    if len(address) == 4:
        return _special_ipv4(address)
    if address[0] == 0xFF:
        return "multicast"
    if address[0] == 0xFE and address[1] & 0xC0 == 0x80:
        return "link-local"
    if address == _UNSPECIFIED:
        return "unspecified"
    if address == _LOOPBACK:
        return "loopback"
    carried = carried_ipv4(address)
    return ineligible(carried, own, nets) if carried is not None else None


def carried_ipv4(address: bytes) -> bytes | None:
    """The packed IPv4 address that a packed IPv6 address carries, if it does."""
    if address[:12] in (_MAPPED, _COMPATIBLE, _NAT64, _TRANSLATED):
        return address[12:]
    if address[:4] == _TEREDO:
        return bytes(255 - octet for octet in address[12:])
    if address[:2] == b"\x20\x02":
        return address[2:6]
    if address[:6] == _NAT64_LOCAL:
        # A /48 prefix: the address stands around the reserved octet 8, or at the end when a /96 was cut from it.
        return address[12:] if address[6:12] == bytes(6) else address[6:8] + address[9:11]
    return None


def _special_ipv4(address: bytes) -> str | None:
    first = address[0]
    if first == 127:
        return "loopback"
    if first == 0:
        return "unspecified"
    if first == 169 and address[1] == 254:
        return "link-local"
    if 224 <= first < 240:
        return "multicast"
    if address == b"\xff\xff\xff\xff":
        return "broadcast"
    return None
