"""What is leased, as the kernel's own sets have it. It blocks."""

from collections.abc import Sequence
from typing import Protocol

from dnsguard.calc.compiled import Address
from dnsguard.dataplane.naming import lease_set_names
from dnsguard.netlink import nftables
from dnsguard.netlink.nftables import Message


class Asking(Protocol):
    """What is needed of a netlink socket."""

    def ask(self, requests: Sequence[Message], deadline_s: float = 5.0) -> list[bytes | None]: ...


class KernelLeases:
    """Asks for one lease at a time, 5 µs each, and remembers what it was told."""

    def __init__(self, socket: Asking, table: str) -> None:
        self._socket = socket
        self._table = table
        self._known: dict[tuple[str, bytes], bool] = {}

    def leased(self, lease_set: str, client: Address, address: Address) -> bool:
        """A ``LeaseLookup``. Raises `NetlinkError` and `NoAcknowledgementError`."""
        key = client.packed + address.packed
        found = self._known.get((lease_set, key))
        if found is None:
            names = lease_set_names(lease_set)
            request = nftables.element_request(self._table, names[address.version == 6], key)
            (answer,) = self._socket.ask([request])
            found = self._known[lease_set, key] = answer is not None
        return found
