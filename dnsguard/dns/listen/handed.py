"""Which of the sockets that were handed down answers where; all that is wrong with them is said at once."""

import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from dnsguard.dns.listen.binding import Place
from dnsguard.handover import BadHandover, Handed

_KINDS = {socket.SOCK_DGRAM: "UDP", socket.SOCK_STREAM: "TCP"}


@dataclass(frozen=True, slots=True)
class Pair:
    """What one place is served on; None: on a socket yet to be made."""

    udp: socket.socket | None
    tcp: socket.socket | None


def pairs(handed: Sequence[Handed], wanted: Iterable[Place], workers: int = 1) -> list[dict[Place, Pair]]:
    """For each of the workers a pair for each place that is wanted, all sockets being used.

    Names do not count: systemd calls all sockets of a unit alike. What a socket is, the kernel says.
    Raises BadHandover, the sockets being as they were.
    """
    problems: list[str] = []
    found: dict[tuple[Place, str], list[socket.socket]] = {}
    places = [(str(ip_address(address)), port) for address, port in wanted]
    for each in handed:
        try:
            place, kind = _what_it_is(each.socket)
        except _Unsuitable as error:
            problems.append(f"{_called(each)} {error}")
            continue
        if place not in places:
            problems.append(f"{_called(each)} is {kind} on {_text(place)}, which is not to be listened on")
        same = found.setdefault((place, kind), [])
        if len(same) == workers:
            problems.append(f"{_called(each)} is {kind} on {_text(place)} once more")
        same.append(each.socket)
    for place in places:
        for kind in _KINDS.values():
            count = len(found.get((place, kind), ()))
            if count < workers:
                lacking = f"{count} of {workers} are" if count else "none is"
                problems.append(f"{lacking} {kind} on {_text(place)}")
    if problems:
        raise BadHandover(f"the sockets handed down do not fit `listen`: {'; '.join(problems)}")
    return [
        {place: Pair(found[place, "UDP"][number], found[place, "TCP"][number]) for place in places}
        for number in range(workers)
    ]


def places(handed: Sequence[Handed]) -> tuple[str, ...]:
    """Where they are, `127.0.0.1:53`, each place once. Raises BadHandover."""
    found: dict[str, None] = {}
    for each in handed:
        try:
            found[_text(_what_it_is(each.socket)[0])] = None
        except _Unsuitable as error:
            raise BadHandover(f"{_called(each)} {error}") from None
    return tuple(found)


class _Unsuitable(Exception):
    """Why a socket is none that DNS can be answered on."""


def _what_it_is(sock: socket.socket) -> tuple[Place, str]:
    if sock.family not in (socket.AF_INET, socket.AF_INET6) or sock.type not in _KINDS:
        raise _Unsuitable("is neither UDP nor TCP")
    protocol = socket.IPPROTO_UDP if sock.type == socket.SOCK_DGRAM else socket.IPPROTO_TCP
    if sock.getsockopt(socket.SOL_SOCKET, socket.SO_PROTOCOL) != protocol:
        raise _Unsuitable("is neither UDP nor TCP")
    address, port = sock.getsockname()[:2]
    if not port:
        raise _Unsuitable("is bound to no port")
    if sock.type == socket.SOCK_STREAM and not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        raise _Unsuitable("does not listen")
    if _is_connected(sock):
        raise _Unsuitable("is connected to a peer")
    if sock.family == socket.AF_INET6 and not sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY):
        raise _Unsuitable("takes IPv4, too: in a systemd unit, say BindIPv6Only=ipv6-only")
    return (str(ip_address(address.partition("%")[0])), port), _KINDS[sock.type]


def _is_connected(sock: socket.socket) -> bool:
    try:
        sock.getpeername()
    except OSError:
        return False
    return True


def _called(each: Handed) -> str:
    return f"descriptor {each.socket.fileno()} ({each.name or 'no name'})"


def _text(place: Place) -> str:
    address, port = place
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
