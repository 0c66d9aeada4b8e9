"""What this kernel's nf_tables can do, found out by trying."""

import errno
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from dnsguard.netlink import dumps, nftables
from dnsguard.netlink import expressions as ex
from dnsguard.netlink.nftables import Element, Hook, Message
from dnsguard.netlink.socket import NetlinkError

Parsed = TypeVar("Parsed")

_TABLE = "dnsguard-probe"
_SET = "probe"
_SHORT, _ENOUGH, _LONG = 10_000, 500_000, 1_000_000
"""Milliseconds: what an element has left, what it is to have more than, what it is added again with."""

_SAME, _OTHER = b"\xc0\x00\x02\x01", b"\xc0\x00\x02\x02"

NOT_IN_KERNEL = errno.ENOENT, errno.EOPNOTSUPP, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT


class Transacting(Protocol):
    """What is needed of a netlink socket to try something."""

    def transact(self, messages: Sequence[Message], deadline_s: float = 5.0) -> None: ...


class Kernel(Transacting, Protocol):
    """And to see what came of it."""

    def dump(self, request: Message, parse: Callable[[list[bytes]], Parsed], deadline_s: float = 30.0) -> Parsed: ...


def readding_updates_timeout(socket: Kernel, table: str = _TABLE) -> bool:
    """Whether adding an element that exists renews its lifetime, whether it had another timeout or the very same.

    Kernels before 6.12 answer success and change nothing; there a lease is renewed by delete and add in one batch.
    Makes a table of its own and removes it. Raises `NetlinkError` when nf_tables cannot be used at all.
    """
    request = nftables.list_request(nftables.GET_ELEMENT, table, _SET)
    socket.transact([
        nftables.add_table(table),
        nftables.add_set(table, _SET, key_type=7, key_length=4, flags=nftables.SET_TIMEOUT),
        nftables.add_aged_element(table, _SET, _SAME, _LONG, _SHORT),
        *nftables.add_elements(table, _SET, [Element(_OTHER, _SHORT)]),
    ])  # fmt: skip
    try:
        socket.transact(nftables.add_elements(table, _SET, [Element(key, _LONG) for key in (_SAME, _OTHER)]))
        elements = socket.dump(request, lambda bodies: list(dumps.elements(bodies)))
    finally:
        socket.transact([nftables.delete_table(table)])
    left = {element.key: element.expires_ms or 0 for element in elements}
    return all(left[key] > _ENOUGH for key in (_SAME, _OTHER))


def log_refusal(socket: Transacting, table: str = _TABLE) -> str:
    """Why rules cannot log within limits, each interface within its own; empty where they can.

    Kernels are built without NFLOG, and a rule that logs takes all of its transaction with it. Leaves nothing.
    """
    rule = [
        ex.meta(ex.META_IIFNAME),
        ex.within_limit(_SET, 1, 1, 1),
        ex.limit(1, 1, 1),
        ex.log(1, _TABLE),
    ]
    dynamic = nftables.SET_TIMEOUT | nftables.SET_DYNAMIC
    try:
        socket.transact([
            nftables.add_table(table),
            nftables.add_set(table, _SET, key_type=41, key_length=16, flags=dynamic, size=1, timeout_ms=_SHORT),
            nftables.add_chain(table, _SET),
            nftables.add_rule(table, _SET, rule),
            nftables.delete_table(table),
        ])  # fmt: skip
    except NetlinkError as error:
        return f"the kernel refuses rules that log: {error}"
    return ""


def sees_bridges(socket: Transacting, table: str = _TABLE) -> bool:
    """Whether rules of family bridge see which bridge a port is of. Leaves nothing behind.

    Raises `NetlinkError` where the kernel refuses for another reason.
    """
    return _takes(socket, table, [ex.meta(ex.META_BRIDGE_IN), ex.compare(ex.EQUAL, bytes(16))])


def has_family(socket: Kernel, table: str = _TABLE) -> bool:
    """Whether tables of the socket's family can look at frames before they pass a bridge. Leaves nothing behind.

    Raises `NetlinkError` where the kernel refuses for another reason.
    """
    ether_type = ex.payload(ex.LINK_HEADER, 12, 2), ex.compare(ex.EQUAL, b"\x08\x06")
    return _takes(socket, table, [*ether_type, ex.meta(ex.META_IIFNAME)])


def _takes(socket: Transacting, table: str, matches: Sequence[bytes]) -> bool:
    """Whether there may be such a rule for what enters."""
    try:
        socket.transact([
            nftables.add_table(table),
            nftables.add_chain(table, "probe", Hook("filter", "prerouting", -200)),
            nftables.add_rule(table, "probe", [*matches, ex.verdict(ex.VERDICT_ACCEPT)]),
            nftables.delete_table(table),
        ])  # fmt: skip
    except NetlinkError as error:
        if error.errno in NOT_IN_KERNEL:
            return False
        raise
    return True
