"""Sockets that answer in the place of others. What comes to them over the wire is for the kernel tests."""

import socket
from collections.abc import Iterator
from ipaddress import ip_address
from struct import pack

import pytest

from dnsguard.dns.counters import Counters
from dnsguard.dns.listen.transparent import AnswerSockets, TransparentUdpListener


@pytest.fixture
def sockets() -> Iterator[AnswerSockets]:
    made = AnswerSockets(most=2)
    yield made
    made.close()
    assert len(made) == 0


def server(text: str, scope: int = 0) -> bytes:
    """As the kernel says it."""
    address = ip_address(text)
    if address.version == 4:
        return pack("=H", socket.AF_INET) + pack("!H", 53) + address.packed + bytes(8)
    return pack("=H", socket.AF_INET6) + pack("!HI", 53, 0) + address.packed + pack("=I", scope)


@pytest.mark.parametrize("text", ["198.51.100.53", "2001:db8::53"])
def test_the_answer_leaves_from_the_address_that_was_asked(sockets: AnswerSockets, text: str) -> None:
    assert sockets.of(server(text)).getsockname()[:2] == (text, 53)
    assert sockets.of(server(text)) is sockets.of(server(text))


def test_a_link_local_server_is_one_of_its_link(sockets: AnswerSockets) -> None:
    index = socket.if_nametoindex("lo")
    assert sockets.of(server("fe80::1", index)).getsockname() == ("fe80::1", 53, 0, index)


def test_the_one_that_was_used_least_recently_makes_room(sockets: AnswerSockets) -> None:
    first, second = (sockets.of(server(f"198.51.100.{number}")) for number in (1, 2))
    assert sockets.of(server("198.51.100.1")) is first
    third = sockets.of(server("198.51.100.3"))
    assert (first.fileno() >= 0, second.fileno() >= 0, third.fileno() >= 0) == (True, False, True)
    assert len(sockets) == 2


def test_two_forwarders_may_answer_for_the_same_server(sockets: AnswerSockets) -> None:
    other = AnswerSockets()
    assert sockets.of(server("198.51.100.1")).getsockname() == other.of(server("198.51.100.1")).getsockname()
    other.close()


def test_an_address_that_nothing_can_be_sent_from_is_an_error_each_time(sockets: AnswerSockets) -> None:
    for _ in range(2):
        with pytest.raises(OSError, match=r"assign|Invalid"):
            sockets.of(server("fe80::1"))  # of no link
    assert len(sockets) == 0


async def test_a_port_that_is_taken_is_an_error_and_closing_twice_is_none() -> None:
    listener = TransparentUdpListener("127.0.0.1", 0, lambda *_: None, Counters())
    with pytest.raises(OSError, match="in use"):
        TransparentUdpListener("127.0.0.1", listener.port, lambda *_: None, Counters())
    listener.stop()
    listener.close()
    listener.close()
