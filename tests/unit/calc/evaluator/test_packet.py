"""A packet as policy sees it."""

import pytest

from dnsguard.calc.evaluator.packet import ICMP, ICMPV6, TCP, ImpossiblePacketError, PacketState
from tests.unit.calc.probes import OUT, packet


def test_a_packet_has_one_ip_family() -> None:
    with pytest.raises(ImpossiblePacketError, match="different IP families"):
        packet("10.0.0.1", "fd00::1")


@pytest.mark.parametrize(
    ("source", "destination", "protocol", "is_icmp"),
    [
        ("10.0.0.1", OUT, ICMP, True),
        ("10.0.0.1", OUT, ICMPV6, False),
        ("fd00::1", "2001:db8::1", ICMPV6, True),
        ("fd00::1", "2001:db8::1", ICMP, False),
        ("10.0.0.1", OUT, TCP, False),
    ],
)
def test_icmp_belongs_to_its_family(source: str, destination: str, protocol: int, is_icmp: bool) -> None:
    assert packet(source, destination, protocol).is_icmp is is_icmp


@pytest.mark.parametrize(
    ("kind", "hops", "anyone", "router"),
    [
        (135, 255, True, False),
        (136, None, True, False),
        (133, 255, True, False),
        (130, 1, True, False),
        (143, 1, True, False),
        (134, 255, False, True),
        (137, 255, False, True),
        (135, 64, False, False),
        (130, 255, False, False),
        (128, 255, False, False),
        (None, 255, False, False),
    ],
)
def test_discovery_is_known_by_type_and_hop_limit(
    kind: int | None, hops: int | None, anyone: bool, router: bool
) -> None:
    probe = packet("fe80::1", "ff02::1", ICMPV6, None, icmp_type=kind, hop_limit=hops)
    assert probe.is_discovery(from_router=False) is anyone
    assert probe.is_discovery(from_router=True) is router


def test_discovery_is_of_ipv6() -> None:
    assert not packet("10.0.0.1", OUT, ICMPV6, None, icmp_type=135).is_discovery(from_router=False)


@pytest.mark.parametrize(
    ("source", "destination", "kind", "state", "tracked"),
    [
        ("fe80::1", "ff02::1", 135, PacketState.NEW, False),
        ("fe80::1", "ff02::1", 134, PacketState.NEW, False),
        ("fe80::1", "ff02::1", 137, PacketState.INVALID, True),
        ("fe80::1", "ff02::1", 128, PacketState.NEW, True),
        ("10.0.0.1", OUT, 135, PacketState.NEW, True),
        ("10.0.0.1", OUT, 8, PacketState.UNTRACKED, False),
    ],
)
def test_what_connection_tracking_minds(
    source: str, destination: str, kind: int, state: PacketState, tracked: bool
) -> None:
    probe = packet(source, destination, ICMPV6, None, icmp_type=kind, state=state)
    assert probe.is_tracked is tracked
