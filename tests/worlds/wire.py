"""Puts packets on the wire, and tells what became of them.

A table before and behind ours notes every packet: as it comes in, what connection tracking makes of it, and where it
passed all our chains. The node handles one packet to its end before the next, so once the last one has come in all is
known, and nothing has to wait.
"""

import contextlib
import os
import select
import socket
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from struct import pack, unpack_from
from typing import Self

from dnsguard.calc.evaluator.packet import UDP, Packet
from tests.support.conntrack import Connections
from tests.worlds.scene import BEHIND, Scene, node_mac, peer, peer_mac
from tests.worlds.shot import LIVES_ON, Shot, ends_of, number_of

GROUP = 7
SEEN, PASSED, INVALID, UNTRACKED, ESTABLISHED, RELATED = "seen", "passed", "invalid", "untracked", "known", "related"
_STATES = {"invalid": INVALID, "untracked": UNTRACKED, "established": ESTABLISHED, "related": RELATED}
_LAST = 0xFFFE
_ETHERTYPE = {4: b"\x08\x00", 6: b"\x86\xdd"}
_NETLINK_NETFILTER, _ULOG, _CONFIG = 12, 4 << 8, 4 << 8 | 1
_SO_RCVBUFFORCE = 33
_PATIENCE_SECONDS = 60


def _probe() -> str:
    """Notes at both ends of the way; what is not to go on ends there, and no connection is remembered."""
    note = f"log group {GROUP} snaplen 48 prefix"
    states = "\n".join(f'ct state {state} {note} "{prefix}"' for state, prefix in _STATES.items())
    end = f"ip ttl < {LIVES_ON - 10} drop\nip6 hoplimit < {LIVES_ON - 10} drop"
    return f"""table inet probe {{
        chain before {{ type filter hook prerouting priority -400; {note} "{SEEN}"\n ip id {_LAST} drop\n }}
        chain tracked {{ type filter hook prerouting priority -199; {states}\n }}
        chain tracked-own {{ type filter hook output priority -199; {states}\n }}
        chain arrived {{ type filter hook input priority 400; {note} "{PASSED}"\n iif lo accept\n {end}\n }}
        chain left {{ type filter hook postrouting priority 400; oif lo accept\n {note} "{PASSED}"\n {end}\n }}
    }}"""


class Wire:
    """Senders at the far end of every interface and in the node, and one that listens. A context manager."""

    def __init__(self, scene: Scene) -> None:
        scene.node.run("nft -f -", _probe())
        self._at: dict[str, socket.socket] = {}
        with scene.wire.entered():
            for interface in BEHIND:
                sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
                sender.bind((peer(interface), 0))
                self._at[interface] = sender
        with scene.node.entered():
            self._own = {
                4: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW),
                6: socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW),
            }
            self._netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER)
            self._connections = Connections()
        with contextlib.suppress(PermissionError):
            self._netlink.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 8 << 20)
        self._netlink.bind((0, 0))
        self._listen()
        self._allowed = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(self._allowed)})  # packets of one processor stay in order

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.sched_setaffinity(0, self._allowed)
        for each in (*self._at.values(), *self._own.values(), self._netlink):
            each.close()
        self._connections.close()

    def send(self, shots: Iterable[Shot]) -> dict[int, set[str]]:
        """Number of each packet → what was noted of it."""
        found: dict[int, set[str]] = {}
        ends: dict[int, bytes] = {}
        for shot in shots:
            found[shot.number] = set()
            ends[shot.number] = shot.packet.source.packed + shot.packet.destination.packed
            if shot.arrives:
                self._at[shot.arrives].send(_frame(shot))
            else:
                found[shot.number].add(SEEN)
                with contextlib.suppress(PermissionError):  # that is how a sender learns of a drop in its own output
                    version = shot.packet.ip_version
                    self._own[version].sendto(shot.bytes(), (str(shot.packet.destination), 0))
        self._at["eth2"].send(_last())
        for prefix, datagram in self._notes():
            number = number_of(datagram)
            if number == _LAST:
                break
            if number in found and ends_of(datagram) == ends[number]:  # not something of the node's own stack
                found[number].add(prefix)
        return found

    def forget_connections(self) -> None:
        """Empties the table of connections."""
        self._connections.forget()

    def _listen(self) -> None:
        """Bind to the group: whole datagrams up to what they are cut to, each at once."""
        bind = pack("=HHB3x", 5, 1, 1)
        mode = pack("=HH", 10, 2) + pack("!IBB2x", 0xFFFF, 2, 0)
        at_once = pack("=HH", 8, 5) + pack("!I", 1)
        for attributes in bind, mode + at_once:
            body = pack("=BB", 0, 0) + pack("!H", GROUP) + attributes
            self._netlink.send(pack("=IHHII", 16 + len(body), _CONFIG, 5, 1, 0) + body)
            (status,) = unpack_from("=i", self._netlink.recv(4096), 16)
            if status:
                raise OSError(-status, os.strerror(-status))

    def _notes(self) -> Iterator[tuple[str, bytes]]:
        """(what was noted, the datagram's beginning) until nobody asks any more."""
        while True:
            readable, _, _ = select.select([self._netlink], [], [], _PATIENCE_SECONDS)
            if not readable:
                raise TimeoutError("the last packet did not come in")
            datagram = self._netlink.recv(1 << 16)
            place = 0
            while place < len(datagram):
                length, kind = unpack_from("=IH", datagram, place)
                if kind == _ULOG:
                    yield _note(datagram[place + 20 : place + length])
                place += length + 3 & ~3


def _note(attributes: bytes) -> tuple[str, bytes]:
    prefix, datagram, place = "", b"", 0
    while place < len(attributes):
        length, kind = unpack_from("=HH", attributes, place)
        value = attributes[place + 4 : place + length]
        if kind == 10:
            prefix = value.rstrip(b"\0").decode()
        elif kind == 9:
            datagram = value
        place += length + 3 & ~3
    return prefix, datagram


def _frame(shot: Shot) -> bytes:
    destination = shot.packet.destination
    to = node_mac(shot.arrives)
    if destination.is_multicast:
        last = destination.packed[-4:]
        to = b"\x33\x33" + last if destination.version == 6 else b"\x01\x00\x5e" + bytes((last[1] & 127,)) + last[2:]
    elif str(destination) == "255.255.255.255":
        to = b"\xff" * 6
    return to + peer_mac(shot.arrives) + _ETHERTYPE[shot.packet.ip_version] + shot.bytes()


def _last() -> bytes:
    """A packet that only marks the end."""
    packet = Packet(ip_address("203.0.113.10"), ip_address("203.0.113.1"), UDP, 9, 9)
    return _frame(Shot(_LAST, packet, "eth2"))
