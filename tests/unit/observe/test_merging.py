"""Packets that are alike share a record, and nobody's packets take the place of others'."""

from dnsguard.observe.merging import Merging
from dnsguard.observe.packetrecord import DENY, Decided, Packet, Party

PACKET = Packet(DENY, "rule", b"\x0a\x00\x00\x02", b"\xc0\x00\x02\x01", 6, 443, interface_in="cali1")
DECIDED = Decided("rule 1 of it")


def take(merging: Merging, packet: Packet, now: float, whose: str = "shop/web", port: int = 1) -> None:
    if not merging.add(packet, now):
        merging.begin(packet, port, Party(whose, "egress"), DECIDED, now)


def test_packets_that_are_alike_are_one_record_with_a_count() -> None:
    merging = Merging()
    for number in range(5):
        take(merging, PACKET, 10.0 + number / 10, port=number)
    assert merging.due(10.9) == []
    (found,) = merging.due(11.0)
    assert (found.packets, found.first, found.last, found.source_port) == (5, 10.0, 10.4, 0)
    assert merging.due(99.0) == []


def test_what_comes_after_the_record_is_another_one() -> None:
    merging = Merging()
    take(merging, PACKET, 10.0)
    assert len(merging.due(11.0)) == 1
    take(merging, PACKET, 11.5)
    assert [each.packets for each in merging.due(12.5)] == [1]


def test_packets_that_differ_are_records_in_their_order() -> None:
    merging = Merging()
    others = [PACKET._replace(destination_port=port) for port in (80, 443, 22)]
    for number, packet in enumerate(others):
        take(merging, packet, 10.0 + number / 10)
    assert [each.packet for each in merging.due(11.15)] == others[:2]
    assert [each.packet for each in merging.due(99.0)] == others[2:]


def test_a_client_with_too_many_leaves_room_for_others() -> None:
    merging = Merging(client_records=10)
    for port in range(25):
        take(merging, PACKET._replace(destination_port=port), 10.0, "noisy")
    take(merging, PACKET._replace(destination_port=0), 10.0, "noisy")  # one that has its record
    take(merging, PACKET._replace(source=b"\x0a\x00\x00\x03"), 10.0, "quiet")
    found = merging.due(99.0)
    assert [each.party.endpoint for each in found] == ["noisy"] * 10 + ["quiet"]
    assert (found[0].packets, merging.packets, merging.suppressed) == (2, 27, 15)
    assert list(merging.over()) == [(b"noisy", 15)]
    assert list(merging.over()) == []


def test_forged_addresses_are_all_of_the_interface_they_came_by() -> None:
    merging = Merging(client_records=10)
    for number in range(20):
        take(merging, PACKET._replace(source=bytes((10, 0, 1, number))), 10.0, "")
    assert list(merging.over()) == [(b"cali1", 10)]


def test_an_interface_may_be_called_anything() -> None:
    merging = Merging(client_records=1)
    for port in range(2):
        take(merging, PACKET._replace(interface_in="cali\udcff", destination_port=port), 10.0, "")
    assert list(merging.over()) == [(b"cali?", 1)]


def test_all_together_have_an_end() -> None:
    merging = Merging(most=3)
    for number in range(5):
        take(merging, PACKET, 10.0 + number, f"client-{number}")
        take(merging, PACKET._replace(destination_port=number), 10.0, f"client-{number}")
    assert (len(merging), merging.crowded(), merging.crowded(), merging.suppressed) == (3, 3, 0, 3)


def test_a_clock_that_is_set_back_holds_nothing_up() -> None:
    merging = Merging(client_records=1)
    take(merging, PACKET, 10_000.0)
    take(merging, PACKET._replace(destination_port=1), 10_000.0)
    assert [each.first for each in merging.due(6_400.0)] == [10_000.0]
    take(merging, PACKET, 6_400.0)
    take(merging, PACKET._replace(destination_port=1), 6_400.5)
    assert merging.due(6_400.5) == []
    assert [each.first for each in merging.due(6_401.0)] == [6_400.0]
    assert merging.suppressed == 2, "its share is that of one second"
