"""What this kernel's nf_tables can do, found out by trying."""

from dnsguard.netlink import dumps, nftables
from dnsguard.netlink.nftables import Element
from dnsguard.netlink.socket import NetfilterSocket

_TABLE = "dnsguard-probe"
_SET = "probe"
_KEY = b"\xc0\x00\x02\x01"


def readding_updates_timeout(socket: NetfilterSocket, table: str = _TABLE) -> bool:
    """Whether adding an element that exists renews its lifetime.

    Kernels before 6.12 answer success and change nothing; there a lease is renewed by delete and add in one batch.
    Makes a table of its own and removes it. Raises `NetlinkError` when nf_tables cannot be used at all.
    """
    request = nftables.list_request(nftables.GET_ELEMENT, table, _SET)
    socket.transact([
        nftables.add_table(table),
        nftables.add_set(table, _SET, key_type=7, key_length=4, flags=nftables.SET_TIMEOUT),
        *nftables.add_elements(table, _SET, [Element(_KEY, 10_000)]),
    ])  # fmt: skip
    try:
        socket.transact(nftables.add_elements(table, _SET, [Element(_KEY, 1_000_000)]))
        (element,) = socket.dump(request, lambda bodies: list(dumps.elements(bodies)))
    finally:
        socket.transact([nftables.delete_table(table)])
    return element.expires_ms is not None and element.expires_ms > 500_000
