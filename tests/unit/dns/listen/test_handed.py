"""Which sockets that were handed down answer where, and what is said of those that do not fit."""

import socket
from collections.abc import Callable, Iterator

import pytest

from dnsguard.dns.listen.binding import bound_tcp, bound_udp
from dnsguard.dns.listen.handed import pairs, places
from dnsguard.handover import BadHandover, Handed

Make = Callable[[], socket.socket]
LOOPBACK, LOOPBACK6 = ("127.0.0.1", 5399), ("::1", 5399)


@pytest.fixture
def made() -> Iterator[list[Handed]]:
    handed: list[Handed] = []
    yield handed
    for each in handed:
        each.socket.close()


def fit(*places: tuple[str, int]) -> list[Handed]:
    return [Handed("dnsguard.socket", bind(*place)) for bind in (bound_tcp, bound_udp) for place in places]


def test_each_place_has_its_pair_in_whatever_order_they_come(made: list[Handed]) -> None:
    made += fit(LOOPBACK, LOOPBACK6)
    (found,) = pairs(made, [LOOPBACK6, LOOPBACK])
    assert {place: (pair.udp, pair.tcp) for place, pair in found.items()} == {
        LOOPBACK: (made[2].socket, made[0].socket),
        LOOPBACK6: (made[3].socket, made[1].socket),
    }


def test_where_they_are_says_where_to_listen(made: list[Handed]) -> None:
    made += fit(LOOPBACK, LOOPBACK6)
    assert places(made) == ("127.0.0.1:5399", "[::1]:5399")
    made.append(Handed("x", socket.socket(socket.AF_UNIX)))
    with pytest.raises(BadHandover, match=r"\(x\) is neither UDP nor TCP"):
        places(made)


def test_each_worker_has_pairs_of_its_own(made: list[Handed]) -> None:
    for _ in range(2):
        made += [Handed("", bind(*LOOPBACK, shared=True)) for bind in (bound_tcp, bound_udp)]
    found = pairs(made, [LOOPBACK], workers=2)
    assert [(pair.udp, pair.tcp) for each in found for pair in each.values()] == [
        (made[1].socket, made[0].socket),
        (made[3].socket, made[2].socket),
    ]
    with pytest.raises(BadHandover, match=r"2 of 3 are UDP on 127.0.0.1:5399; 2 of 3 are TCP"):
        pairs(made, [LOOPBACK], workers=3)
    with pytest.raises(BadHandover, match="once more"):
        pairs(made, [LOOPBACK])


def test_wildcards_of_both_families(made: list[Handed]) -> None:
    places = [("0.0.0.0", 5399), ("::", 5399)]
    made += fit(*places)
    assert list(pairs(made, places)[0]) == places


def test_an_address_is_the_same_however_it_is_written(made: list[Handed]) -> None:
    made += fit(LOOPBACK6)
    assert list(pairs(made, [("0:0:0:0:0:0:0:1", 5399)])[0]) == [LOOPBACK6]


def udp_elsewhere() -> socket.socket:
    return bound_udp("127.0.0.2", 5399)


def udp_on_another_port() -> socket.socket:
    return bound_udp("127.0.0.1", 5398)


def a_tcp_socket_that_does_not_listen() -> socket.socket:
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    return sock


def a_udp_socket_without_a_port() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def a_unix_socket() -> socket.socket:
    return socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)


def a_udp_socket_with_a_peer() -> socket.socket:
    sock = bound_udp("127.0.0.1", 5397)
    sock.connect(("127.0.0.1", 9))
    return sock


def one_for_both_families() -> socket.socket:
    sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    sock.bind(("::", 5396))
    return sock


def the_same_twice() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    for option in socket.SO_REUSEADDR, socket.SO_REUSEPORT:
        sock.setsockopt(socket.SOL_SOCKET, option, 1)
    sock.bind(LOOPBACK)
    sock.listen()
    return sock


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (udp_elsewhere, "is UDP on 127.0.0.2:5399, which is not to be listened on"),
        (udp_on_another_port, "is UDP on 127.0.0.1:5398, which is not to be listened on"),
        (a_tcp_socket_that_does_not_listen, "does not listen"),
        (a_udp_socket_without_a_port, "is bound to no port"),
        (a_unix_socket, "is neither UDP nor TCP"),
        (a_udp_socket_with_a_peer, "is connected to a peer"),
        (one_for_both_families, "takes IPv4, too: in a systemd unit, say BindIPv6Only=ipv6-only"),
    ],
)
def test_one_that_is_too_much_is_named(made: list[Handed], make: Make, said: str) -> None:
    made += [*fit(LOOPBACK), Handed("odd", make())]
    with pytest.raises(BadHandover) as raised:
        pairs(made, [LOOPBACK])
    number = made[-1].socket.fileno()
    assert str(raised.value) == f"the sockets handed down do not fit `listen`: descriptor {number} (odd) {said}"


def test_two_for_one_place(made: list[Handed]) -> None:
    made += [Handed("a", the_same_twice()), Handed("b", the_same_twice()), Handed("", bound_udp(*LOOPBACK))]
    with pytest.raises(BadHandover, match=r"\(b\) is TCP on 127.0.0.1:5399 once more$"):
        pairs(made, [LOOPBACK])


def test_all_that_is_missing_is_said(made: list[Handed]) -> None:
    made += [Handed("", bound_udp(*LOOPBACK))]
    with pytest.raises(BadHandover) as raised:
        pairs(made, [LOOPBACK, LOOPBACK6])
    assert str(raised.value).endswith(
        ": none is TCP on 127.0.0.1:5399; none is UDP on [::1]:5399; none is TCP on [::1]:5399"
    )
