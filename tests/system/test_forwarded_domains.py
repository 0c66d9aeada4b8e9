"""Domains in a host endpoint's policy for forwarded packets: who looks a name up gets through, and nobody else."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.lab import topology, world
from tests.support.lab.guard import Guard
from tests.support.lab.lab import Lab
from tests.support.lab.process import run
from tests.support.lab.running import NODE_NAME
from tests.support.lab.topology import HostInterface, Workload

pytestmark = pytest.mark.xdist_group("forwarded")

ONE = Workload("one", "shop", ("10.244.6.20", "fd00::6:20"), {"app": "one"})
TWO = Workload("two", "shop", ("10.244.6.21",), {"app": "two"})
SILENT = Workload("silent", "shop", ("10.244.6.22",), {"app": "silent"})
UPLINK = HostInterface("uplink", topology.UPLINK, topology.NODE_ADDRESSES[0], {"role": "uplink"}, ("kns.shop",))
OUTSIDER, OUTSIDER_ADDRESS = topology.ROGUE, topology.ROGUE_ADDRESSES[0]
"""No workload: a machine whose packets this node routes, and which asks this node."""

BOB, BOB6, ALICE = "198.51.100.7", "2001:db8::7", "198.51.100.20"


def policy(name: str, selector: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "projectcalico.org/v3",
        "kind": "GlobalNetworkPolicy",
        "metadata": {"name": name},
        "spec": {"selector": selector, "types": ["Egress"], **spec},
    }


def allow(*domains: str) -> list[dict[str, Any]]:
    return [{"action": "Allow", "destination": {"domains": list(domains)}}]


POLICIES = [
    policy("a-host-only", "role == 'uplink'", order=1, egress=allow("api.alice.com")),
    policy("b-forwarded", "role == 'uplink'", order=2, applyOnForward=True, egress=allow("*.example.com")),
    policy(
        "c-silent",
        "app == 'silent'",
        egress=[{"action": "Allow", "protocol": "TCP", "destination": {"ports": [443]}}],
    ),
]


@pytest.fixture(scope="module")
def here() -> Iterator[tuple[Lab, Guard]]:
    with (
        Lab([ONE, TWO, SILENT], world.RECORDS) as lab,
        Guard(lab, ["--node-name", NODE_NAME, "--served-clients", f"{OUTSIDER_ADDRESS}/32"]) as guard,
    ):
        run(topology.NODE, "for each in all eth0; do echo 0 > /proc/sys/net/ipv4/conf/$each/send_redirects; done")
        for to in (topology.LISTEN_ADDRESSES[0], "198.51.100.0/24"):
            run(OUTSIDER, f"ip route add {to} via {topology.NODE_ADDRESSES[0]}")
        workloads = list(lab.workloads.values())
        guard.apply(
            [
                *topology.namespaces(workloads),
                *map(topology.workload_endpoint, workloads),
                topology.host_endpoint(UPLINK, NODE_NAME),
                *POLICIES,
            ]
        )
        yield lab, guard


def gets_through(lab: Lab, who: str, address: str, transport: str = "tcp") -> bool:
    tried = lab.agent(who).call("connect", transport=transport, address=address, port=443, wait=0.5)
    return bool(tried["outcome"] == "answered")


def looked_up(lab: Lab, who: str, name: str, kind: str = "A") -> list[str]:
    reply = lab.lookup(who, name, kind)
    assert reply is not None
    return [str(record.rdata) for record in reply.rr]


def lease_sets(guard: Guard, client: str, address: str) -> list[str]:
    """The sets that hold this address for this client."""
    leases = guard.answer("GET", f"/v1/leases?client={client}")["leases"]
    return [name for each in leases if each["address"] == address for name in each["sets"]]


def test_a_workload_gets_through_once_it_has_looked_the_name_up_and_only_that_one(here: tuple[Lab, Guard]) -> None:
    lab, guard = here
    assert not gets_through(lab, "one", BOB)
    assert looked_up(lab, "one", "bob.example.com") == [BOB]
    assert gets_through(lab, "one", BOB)
    assert not gets_through(lab, "two", BOB)
    assert looked_up(lab, "one", "bob.example.com", "AAAA") == [BOB6]
    assert gets_through(lab, "one", BOB6)
    assert looked_up(lab, "two", "bob.example.com") == [BOB]
    assert gets_through(lab, "two", BOB)
    assert len(lease_sets(guard, "shop/one", BOB)) == 1


def test_what_only_the_host_may_reach_is_not_fed_by_workloads(here: tuple[Lab, Guard]) -> None:
    lab, guard = here
    assert looked_up(lab, "one", "api.alice.com") == [ALICE]
    assert lease_sets(guard, "shop/one", ALICE) == []
    assert not gets_through(lab, "one", ALICE)


def test_no_host_policy_lets_a_workload_ask_where_its_own_denies_dns(here: tuple[Lab, Guard]) -> None:
    lab, guard = here
    assert looked_up(lab, "silent", "bob.example.com") == []
    assert lease_sets(guard, "shop/silent", BOB) == []


def test_a_client_that_is_no_endpoint_gets_through_to_what_it_looked_up(here: tuple[Lab, Guard]) -> None:
    lab, guard = here
    assert not gets_through(lab, OUTSIDER, BOB, "udp")
    assert looked_up(lab, OUTSIDER, "bob.example.com") == [BOB]
    assert gets_through(lab, OUTSIDER, BOB, "udp")
    assert not gets_through(lab, OUTSIDER, ALICE, "udp")
    assert len(lease_sets(guard, OUTSIDER_ADDRESS, BOB)) == 1


def test_without_the_policy_everything_passes_and_nothing_stays_behind(here: tuple[Lab, Guard]) -> None:
    lab, guard = here
    assert looked_up(lab, "one", "bob.example.com") == [BOB]
    guard.answer("DELETE", "/apis/projectcalico.org/v3/globalnetworkpolicies/b-forwarded")
    guard.await_enforced()
    assert gets_through(lab, "one", "198.51.100.99")
    assert lease_sets(guard, "shop/one", BOB) == []
    guard.apply(POLICIES[1:2])
    assert not gets_through(lab, "one", "198.51.100.99")
    assert gets_through(lab, "one", BOB), "what was learned before counts"
