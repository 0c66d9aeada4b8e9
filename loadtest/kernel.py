"""A million leases in the kernel by themselves: its memory, and the time to write and to list them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from dnsguard.dataplane import encode
from dnsguard.dataplane.sets import KeyType, LeaseSet
from dnsguard.forwarder.committer import PART
from dnsguard.netlink import dumps, nftables
from dnsguard.netlink.nftables import Element
from loadtest.network import table_socket

TABLE = "leases"
CLIENTS = 100
_TIMEOUT_MS = 3_600_000
_COUNTED = ("Slab:", "VmallocUsed:", "Percpu:")
"""Of /proc/meminfo: elements, and the tables that lead to them."""


@dataclass(frozen=True, slots=True)
class Held:
    """One family. Seconds."""

    kind: str
    elements: int
    megabytes: float
    """That the kernel's memory grew by; other processes of the machine are in it."""

    written: float
    listed: float
    found: int
    """Elements in the list."""

    deleted: float

    @property
    def is_wrong(self) -> bool:
        return self.found != self.elements


def measure(count: int) -> list[Held]:
    """Both families, one after the other."""
    return [_measured(count, KeyType.IPV4_PAIR), _measured(count, KeyType.IPV6_PAIR)]


def _measured(count: int, kind: KeyType) -> Held:
    with table_socket() as kernel:
        item = LeaseSet("pairs", kind)
        kernel.transact([nftables.add_table(TABLE), encode.set_message(TABLE, item)])
        before, began = kernel_megabytes(), perf_counter()
        for part in _parts(count, kind.length // 2):
            kernel.transact(nftables.add_elements(TABLE, item.name, part))
        written, grown = perf_counter() - began, kernel_megabytes() - before
        began = perf_counter()
        found = kernel.dump(nftables.list_request(nftables.GET_ELEMENT, TABLE, item.name), _count, 120.0)
        listed, began = perf_counter() - began, perf_counter()
        kernel.transact([nftables.delete_set(TABLE, item.name)], 60.0)
        return Held(kind.text, count, grown, written, listed, found, perf_counter() - began)


def _count(bodies: list[bytes]) -> int:
    return sum(1 for _ in dumps.expiries(bodies))


def _parts(count: int, length: int) -> Iterator[Sequence[Element]]:
    """As a forwarder writes what no answer waits for."""
    for start in range(0, count, PART):
        yield [Element(_key(number, length), _TIMEOUT_MS) for number in range(start, min(start + PART, count))]


def _key(number: int, length: int) -> bytes:
    """Client and address."""
    client, address = number % CLIENTS, number // CLIENTS
    return client.to_bytes(length, "big") + (1 << 24 | address).to_bytes(length, "big")


def kernel_megabytes() -> float:
    """What the kernel uses for itself."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(_COUNTED)) / 1024
