"""What dnsguard adds to the default failsafe ports."""

from ipaddress import ip_network

import pytest

from dnsguard.calc.evaluator.failsafe import DEFAULT_FAILSAFE, FailsafePort
from dnsguard.settings.effective import effective
from dnsguard.settings.forms import read_socket_address
from dnsguard.settings.ownports import joined, of_api, of_servers
from tests.unit.settings.test_effective import said, settings

TCP, UDP = 6, 17
SERVER = ip_network("192.0.2.53")


def test_the_api_where_it_is_reached_from_elsewhere() -> None:
    assert of_api(read_socket_address("127.0.0.1:8053")) == of_api(read_socket_address("[::1]:8053")) == ()
    assert of_api(read_socket_address("0.0.0.0:8053")) == (FailsafePort(TCP, 8053),)


@pytest.mark.parametrize(
    ("server", "ports"),
    [
        ("192.0.2.53", [FailsafePort(UDP, 53, SERVER), FailsafePort(TCP, 53, SERVER)]),
        ("tls://192.0.2.53", [FailsafePort(TCP, 853, SERVER)]),
        ("dns.example.org:5353", [FailsafePort(UDP, 5353), FailsafePort(TCP, 5353)]),
        ("", []),
    ],
)
def test_trusted_servers(server: str, ports: list[FailsafePort]) -> None:
    assert list(of_servers([server, server])) == ports


def test_what_is_open_to_all_needs_no_second_entry() -> None:
    listed = FailsafePort(UDP, 53), FailsafePort(TCP, 53, ip_network("10.0.0.0/8"))
    assert joined(listed, of_servers(["192.0.2.53"])) == (*listed, FailsafePort(TCP, 53, SERVER))


def test_they_join_the_default_and_no_list_of_anybody() -> None:
    own = {"api_listen": "192.0.2.1:8053", "upstreams": ["192.0.2.53"]}
    found = effective(settings(**own), []).failsafe
    assert found.inbound == (*DEFAULT_FAILSAFE.inbound, FailsafePort(TCP, 8053))
    assert found.outbound == (*DEFAULT_FAILSAFE.outbound, FailsafePort(TCP, 53, SERVER))
    trusting = effective(settings(), [said("default", dnsTrustedServers=["192.0.2.53"])]).failsafe
    assert trusting.outbound == found.outbound
    given = effective(settings(**own, failsafe_inbound=[], failsafe_outbound=["udp:53"]), []).failsafe
    assert (given.inbound, given.outbound) == ((), (FailsafePort(UDP, 53),))
    lists = said("default", failsafeInboundHostPorts=[{"port": 22}], failsafeOutboundHostPorts=[])
    by_resource = effective(settings(**own), [lists]).failsafe
    assert (by_resource.inbound, by_resource.outbound) == ((FailsafePort(TCP, 22),), ())
