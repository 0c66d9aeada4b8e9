"""What is denied at the port of a bridge has its record, too: whose port it is, and what is no IP."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.settings import DeniedLog
from tests.kernel.test_dataplane_bridging import SETTINGS, policies
from tests.support.lan import EVERYBODY, Lan, address, arp, ethernet, lan, udp4
from tests.support.watching import watching

LOGGING = replace(SETTINGS, denied_log=DeniedLog())
B, C = address("b"), address("c")
NOT_ITS_ADDRESS = "not the address of the workload behind that interface"


@pytest.fixture
def yard() -> Iterator[Lan]:
    with lan(LOGGING) as made:
        made.calls_hooks(True)
        made.tables.apply(build_plan(policies(made), LOGGING))
        yield made


async def test_every_denial_at_a_port_says_whose_it_is(yard: Lan) -> None:
    compiled, mac = policies(yard), yard.mac("a")
    expected: list[dict[str, Any]] = [
        {"endpoint": "app/a", "peer": "app/c", "destination_ip": C, "decided_by": "end of tier application"},
        {"endpoint": "app/a", "source_ip": B, "protocol": "UDP", "decided_by": NOT_ITS_ADDRESS},
        {"endpoint": "app/a", "source_ip": B, "protocol": "ARP", "decided_by": NOT_ITS_ADDRESS},
        {"protocol": "0x88cc", "decided_by": "neither IP nor ARP, or within a VLAN"},
    ]
    async with watching(yard, compiled, build_plan(compiled, LOGGING)) as seen:
        yard.send("a", "c", C, 9)
        yard.throw("a", "c", udp4(yard.mac("c"), mac, B, C))
        yard.throw("a", "c", arp(mac, B, C))
        yard.throw("a", "c", ethernet(EVERYBODY, mac, 0x88CC, b"who are you"))
        await seen.until(lambda: len(seen.records()) >= len(expected))
        left = seen.records()
    for each in expected:
        found = [record for record in left if (each | {"interface_in": "veth-a"}).items() <= record.items()]
        assert found, f"{each} is not among {left}"
        left.remove(found[0])
    assert left == []
