from ipaddress import ip_network

import pytest

from dnsguard.forwarder.clients import Clients, Standing
from tests.unit.leases.naive import packed


@pytest.mark.parametrize(
    ("address", "standing"),
    [
        ("127.0.0.1", Standing.NODE),
        ("127.9.9.9", Standing.NODE),
        ("::1", Standing.NODE),
        ("10.9.0.1", Standing.NODE),
        ("10.9.0.53", Standing.SHARED),
        ("10.9.0.2", Standing.UNKNOWN_WORKLOAD),
        ("fd09::2", Standing.UNKNOWN_WORKLOAD),
        ("192.0.2.7", Standing.SERVED),
        ("198.51.100.1", Standing.STRANGER),
        ("2001:db8::1", Standing.STRANGER),
    ],
)
def test_every_address_has_its_place(address: str, standing: Standing) -> None:
    clients = Clients(
        [packed("10.9.0.53")], [ip_network("10.9.0.0/24"), ip_network("fd09::/64")], [ip_network("192.0.2.0/24")]
    )
    clients.set_own({packed("10.9.0.1")})
    assert [clients.standing(packed(address)) for _ in range(2)] == [standing] * 2


def test_an_address_that_becomes_the_nodes_is_the_nodes_at_once() -> None:
    clients = Clients([], [ip_network("10.9.0.0/24")], [])
    assert clients.standing(packed("10.9.0.1")) is Standing.UNKNOWN_WORKLOAD
    assert clients.set_own({packed("10.9.0.1")})
    assert clients.standing(packed("10.9.0.1")) is Standing.NODE
    assert not clients.set_own({packed("10.9.0.1")})
