"""A denied packet as a line."""

import json
from ipaddress import ip_address
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from dnsguard.netlink.headers import headers
from dnsguard.observe.packetrecord import (
    DENY,
    LOG,
    Decided,
    Packet,
    PacketRecord,
    Party,
    WantedPackets,
    unshown_line,
)

A, B = ip_address("10.65.0.2").packed, ip_address("192.0.2.10").packed
RULE = Decided("rule 3 of NetworkPolicy/shop/web", "app", "NetworkPolicy/shop/web", rule_index=3)
TCP = Packet(DENY, "np-shop.web-egress-3", A, B, 6, 443, interface_in="cali1", interface_out="eth0")
EGRESS = Party("shop/web", "egress")


def record(packet: Packet = TCP, **more: Any) -> PacketRecord:
    given: dict[str, Any] = {
        "time": 1.0,
        "last": 1.0,
        "packets": 1,
        "source_port": 40000,
        "party": EGRESS,
        "decided": RULE,
    }
    return PacketRecord(packet=packet, **(given | more))


def test_all_of_it() -> None:
    full = record(last=1.75, packets=7, names=("www.example.org", "a.example.net"), party=EGRESS._replace(peer="x/y"))
    assert json.loads(full.line()) == {
        "time": "1970-01-01T00:00:01.000Z",
        "type": "PACKET",
        "action": "Deny",
        "endpoint": "shop/web",
        "direction": "egress",
        "peer": "x/y",
        "protocol": "TCP",
        "source_ip": "10.65.0.2",
        "source_port": 40000,
        "destination_ip": "192.0.2.10",
        "destination_port": 443,
        "names": ["www.example.org", "a.example.net"],
        "tier": "app",
        "policy": "NetworkPolicy/shop/web",
        "rule": 3,
        "decided_by": "rule 3 of NetworkPolicy/shop/web",
        "counter": "np-shop.web-egress-3",
        "interface_in": "cali1",
        "interface_out": "eth0",
        "count": 7,
        "last_time": "1970-01-01T00:00:01.750Z",
    }


def test_next_to_nothing() -> None:
    bare = record(
        Packet(LOG, "x", ip_address("::1").packed, ip_address("fe80::1").packed, 99),
        source_port=None,
        party=Party(),
        decided=Decided("a rule that is gone"),
    )
    assert json.loads(bare.line()) == {
        "time": "1970-01-01T00:00:01.000Z",
        "type": "PACKET",
        "action": "Log",
        "protocol": "99",
        "source_ip": "::1",
        "destination_ip": "fe80::1",
        "decided_by": "a rule that is gone",
        "counter": "x",
    }


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"names": ()}, {"names": []}),
        ({"names": tuple(map(str, range(11)))}, {"names": list("01234567"), "names_left_out": 3}),
        ({"packet": TCP._replace(protocol=1, destination_port=None, icmp_type=8, icmp_code=0)}, {"icmp_type": 8}),
        ({"packet": TCP._replace(fragment=True)}, {"fragment": True}),
        ({"decided": Decided("rule 0 of profile kns.x", profile="kns.x", rule_index=0)}, {"profile": "kns.x"}),
    ],
)
def test_what_applies_is_there(change: dict[str, Any], expected: dict[str, Any]) -> None:
    line = json.loads(record(**change).line())
    assert {key: line.get(key) for key in expected} == expected


@pytest.mark.parametrize(("protocol", "said"), [(0x0806, "ARP"), (0x8100, "0x8100"), (255, "255")])
def test_a_frame_without_addresses(protocol: int, said: str) -> None:
    line = json.loads(record(Packet(DENY, "x", b"", b"", protocol)).line())
    assert line["protocol"] == said
    assert line.keys().isdisjoint({"source_ip", "destination_ip"})


def test_whatever_it_is_called_it_is_ascii_on_one_line() -> None:
    odd = record(party=Party('a\n"b', "egress"), names=("\u2028.example.org",), decided=Decided("é\x7f"))
    assert odd.line().isascii()
    assert odd.line().isprintable()
    assert json.loads(odd.line())["endpoint"] == 'a\n"b'


@given(st.sampled_from([0, 0x0806, 0x0800, 0x8100]), st.sampled_from([b"", b"\x45", b"\x60"]), st.binary(max_size=128))
def test_whatever_a_packet_holds_has_a_line(ether_type: int, first: bytes, rest: bytes) -> None:
    found = headers(first + rest, ether_type)
    if found is not None:
        made = Packet(DENY, "x", found.source, found.destination, found.protocol, found.destination_port,
                      found.icmp_type, found.icmp_code, found.fragment)  # fmt: skip
        line = json.loads(record(made, source_port=found.source_port).line())
        assert line["type"] == "PACKET"
        assert all(WantedPackets.of(line[key])(record(made)) for key in ("source_ip", "destination_ip") if key in line)


def test_what_is_missing_is_said() -> None:
    assert json.loads(unshown_line(1.0, 5, "why", whose="shop/web", counter="c")) == {
        "time": "1970-01-01T00:00:01.000Z",
        "type": "UNLOGGED",
        "of": "shop/web",
        "counter": "c",
        "count": 5,
        "reason": "why",
    }
    assert "of" not in json.loads(unshown_line(1.0, 5, "why"))


@pytest.mark.parametrize(
    ("client", "action", "wanted"),
    [
        ("", "", True),
        ("shop/web", "", True),
        ("shop/web2", "", False),
        ("x/y", "", True),
        ("10.65.0.2", "", True),
        ("192.0.2.10", "", True),
        ("192.0.2.11", "", False),
        ("", "Deny", True),
        ("", "Log", False),
        ("shop/web", "Log", False),
    ],
)
def test_who_wants_it(client: str, action: str, wanted: bool) -> None:
    assert WantedPackets.of(client, action)(record(party=EGRESS._replace(peer="x/y"))) is wanted
