"""A packet as policy sees it."""

import pytest

from dnsguard.calc.packet import ICMP, ICMPV6, TCP, ImpossiblePacketError
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
