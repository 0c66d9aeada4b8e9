"""What the kernel says of a connection, as far as anybody wants to know it."""

import contextlib
from ipaddress import ip_address

import hypothesis.strategies as st
import pytest
from hypothesis import given

from dnsguard.netlink.codec import MalformedMessageError, attribute, nested
from dnsguard.netlink.conntrack import IPV4, IPV6, SEEN_REPLY, TCP, Flow, flow, list_request, opened_by
from tests.support.conntrack import entry

UDP, ICMP = 17, 1


@pytest.mark.parametrize(("source", "to"), [("10.0.0.1", "192.0.2.1"), ("fd00::1", "2001:db8::1")])
@pytest.mark.parametrize("protocol", [TCP, UDP])
def test_who_talks_to_whom(source: str, to: str, protocol: int) -> None:
    body = entry(source, to, protocol=protocol)
    client, address = ip_address(source).packed, ip_address(to).packed
    assert flow(body) == Flow(client, address, address, protocol, 14, 3 if protocol == TCP else 0)
    assert opened_by(body) == client


def test_what_is_translated_is_reached_elsewhere() -> None:
    found = flow(entry("10.0.0.1", "10.96.0.1", reached="192.0.2.1"))
    assert (found.destination, found.reached) == (ip_address("10.96.0.1").packed, ip_address("192.0.2.1").packed)


def test_more_than_is_looked_at_may_stand_between() -> None:
    counted = nested(9, attribute(1, bytes(8)), attribute(2, bytes(8)))
    body = entry("10.0.0.1", "192.0.2.1")
    head, state = body[:-16], body[-16:]
    assert flow(head + counted + state + attribute(8, bytes(4))) == flow(body)


@pytest.mark.parametrize(
    ("protocol", "status", "state", "live"),
    [
        (TCP, SEEN_REPLY, 3, True),  # ESTABLISHED
        (TCP, SEEN_REPLY, 4, True),  # FIN_WAIT: the other end may send on
        (TCP, SEEN_REPLY, 5, True),  # CLOSE_WAIT
        (TCP, SEEN_REPLY, 1, False),  # SYN_SENT
        (TCP, SEEN_REPLY, 2, False),  # SYN_RECV
        (TCP, SEEN_REPLY, 6, False),  # LAST_ACK
        (TCP, SEEN_REPLY, 7, False),  # TIME_WAIT
        (TCP, SEEN_REPLY, 8, False),  # CLOSE
        (TCP, 0, 3, False),
        (UDP, SEEN_REPLY, 0, True),
        (UDP, 0, 0, False),
        (ICMP, SEEN_REPLY, 0, True),
    ],
)
def test_a_connection_is_live_when_packets_went_both_ways_and_may_go_on(
    protocol: int, status: int, state: int, live: bool
) -> None:
    assert flow(entry("10.0.0.1", "192.0.2.1", protocol=protocol, status=status, tcp_state=state)).is_live is live


@given(st.binary(max_size=200))
def test_garbage_is_no_connection(tail: bytes) -> None:
    for family in (IPV4, IPV6):
        with contextlib.suppress(MalformedMessageError):
            flow(bytes((family, 0, 0, 0)) + tail)


@given(st.data())
def test_a_connection_that_is_cut_short_or_changed_is_one_or_none(data: st.DataObject) -> None:
    body = bytearray(entry("10.0.0.1", "192.0.2.1"))
    body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(MalformedMessageError):
        flow(bytes(body[: data.draw(st.integers(0, len(body)))]))


@pytest.mark.parametrize("source", [None, "10.0.0.1"])
def test_a_request_names_its_family_and_asks_for_answered_ones(source: str | None) -> None:
    body = list_request(IPV4, None if source is None else ip_address(source).packed)
    assert body[:4] == b"\2\0\0\0"
    assert body[4:20] == b"\x08\0\x03\0\0\0\0\x02\x08\0\x1a\0\0\0\0\x02"
    tuple_and_filter = b"\x10\0\1\x80\x0c\0\1\x80\x08\0\1\0\x0a\0\0\1" + b"\x0c\0\x19\x80\x08\0\1\0\1\0\0\0"
    assert body[20:] == (b"" if source is None else tuple_and_filter)
