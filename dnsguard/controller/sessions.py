"""The TCP connections that stand to ports of this machine, as `/proc/net/tcp` lists them."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Final, NamedTuple

from dnsguard.calc.compiled import Address

PLACES: Final = Path("/proc/thread-self/net/tcp"), Path("/proc/thread-self/net/tcp6")
_ESTABLISHED: Final = "01"


class Session(NamedTuple):
    """One connection that somebody made."""

    remote: Address
    local: Address
    port: int


def sessions(ports: Sequence[int]) -> Iterator[Session]:
    """Those of some ports from elsewhere, each remote address once. Blocks for a moment. Raises OSError."""
    seen: dict[Session, None] = {}
    for place in PLACES:
        if place.exists():  # without IPv6 there is no second one
            with place.open(encoding="ascii") as lines:
                seen.update(dict.fromkeys(listed(lines, ports)))
    yield from seen


def listed(lines: Iterable[str], ports: Sequence[int]) -> Iterator[Session]:
    """The same from lines of such a file."""
    wanted = {f"{port:04X}": port for port in ports}
    for line in lines:
        fields = line.split()
        if len(fields) < 4 or fields[3] != _ESTABLISHED:
            continue
        address, _, port = fields[1].partition(":")
        if port in wanted and not (remote := _address(fields[2].partition(":")[0])).is_loopback:
            yield Session(remote, _address(address), wanted[port])


def _address(text: str) -> Address:
    """Groups of 32 bits, each as this machine keeps it in memory."""
    groups = bytes.fromhex(text)
    if sys.byteorder == "little":
        groups = b"".join(groups[at : at + 4][::-1] for at in range(0, len(groups), 4))
    address = ip_address(groups)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return address if mapped is None else mapped
