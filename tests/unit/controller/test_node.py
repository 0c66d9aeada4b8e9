import asyncio
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsguard.calc.evaluator.failsafe import FailsafePort, FailsafePorts
from dnsguard.controller import node
from dnsguard.controller.node import (
    InterfaceAddresses,
    SeenResources,
    evaluated_node,
    interface_addresses,
    plan_settings,
)
from dnsguard.dataplane.settings import HostAction, Interception, Listen
from dnsguard.resources import Resource, parse_object
from dnsguard.settings.effective import effective
from tests.unit.controller.fakes import until
from tests.unit.controller.running import settings


def host_endpoint(**spec: object) -> dict[str, object]:
    return {
        "apiVersion": "projectcalico.org/v3",
        "kind": "HostEndpoint",
        "metadata": {"name": "here"},
        "spec": {"node": "here", **spec},
    }


def test_settings_become_the_plans() -> None:
    plan = plan_settings(
        settings(
            workload_interfaces=["cali", "tap"],
            workload_bridges=["dnsguard0"],
            workload_cidrs=["10.0.0.0/8"],
            listen=["192.0.2.53:53"],
            endpoint_to_host_action="Accept",
            failsafe_inbound=["tcp:22", "udp:192.0.2.0/24:68"],
            failsafe_outbound=[],
            table="other",
        )
    )
    assert (plan.table, plan.node) == ("other", "here")
    assert plan.workload_interfaces == ("cali*", "tap*")
    assert plan.workload_names == evaluated_node(plan).workload_interfaces == ("cali*", "tap*", "dnsguard0")
    assert plan.workload_cidrs == (ip_network("10.0.0.0/8"),)
    assert plan.listen == (Listen(ip_address("192.0.2.53"), 53),)
    assert plan.endpoint_to_host is HostAction.ACCEPT
    inbound = (FailsafePort(6, 22), FailsafePort(17, 68, ip_network("192.0.2.0/24")))
    assert plan.failsafe == FailsafePorts(inbound, outbound=())


FELIX = {"apiVersion": "projectcalico.org/v3", "kind": "FelixConfiguration", "metadata": {"name": "default"}}
TIER = {"apiVersion": "projectcalico.org/v3", "kind": "Tier", "metadata": {"name": "t"}, "spec": {"order": 1}}
OBJECTS = [parse_object(each) for each in (host_endpoint(interfaceName="eth0"), FELIX, TIER) for _ in range(2)]


@given(st.lists(st.lists(st.sampled_from(OBJECTS), unique_by=id).map(tuple), max_size=6))
def test_what_speaks_of_the_node_is_found_whatever_changes(lists: list[tuple[Resource, ...]]) -> None:
    seen, by_node = SeenResources(), {"HostEndpoint", "FelixConfiguration"}
    for resources in lists:
        before = seen.all
        seen.see(resources)
        assert {id(each) for each in seen.of_node} == {id(each) for each in resources if each.kind in by_node}
        assert {id(each) for each in seen.all} == {id(each) for each in resources}
        assert (seen.all is before) == ({id(each) for each in before} == {id(each) for each in resources})


@pytest.mark.parametrize("bound", [{"interfaceName": "eth0"}, {"interfaceName": "*"}, {"expectedIPs": ["127.0.0.1"]}])
def test_the_machine_is_asked_only_where_there_is_a_host_endpoint(bound: dict[str, object]) -> None:
    assert interface_addresses(()) == ()
    found = dict(interface_addresses((parse_object(host_endpoint(**bound)),)))
    assert ip_address("127.0.0.1") in found["lo"]


async def test_a_changed_address_is_noticed_and_a_failure_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = (("eth0", (ip_address("192.0.2.1"),)),), (("eth0", (ip_address("192.0.2.2"),)),)
    looks = [one, one, None, two, two, two]
    looked = 0
    changes: list[None] = []

    def look(_: tuple[Resource, ...]) -> InterfaceAddresses:
        nonlocal looked
        looked += 1
        found = looks[min(looked, len(looks)) - 1]
        if found is None:
            raise OSError("busy")
        return found

    monkeypatch.setattr(node, "interface_addresses", look)
    task = asyncio.create_task(node.watch_addresses(tuple, lambda: changes.append(None), 0))
    await until(lambda: looked > len(looks))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert len(changes) == 1


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ({}, None),
        ({"intercept_dns": "Workloads"}, Interception(8055, False, (ip_address("192.0.2.99"),))),
        (
            {"intercept_dns": "WorkloadsAndNode", "intercept_port": "9953", "upstreams": ["[2001:db8::53]:5353"]},
            Interception(9953, True, (ip_address("2001:db8::53"),)),
        ),
        ({"intercept_dns": "Workloads", "upstreams": ["dns.example.org"]}, Interception(8055, False, ())),
    ],
)
def test_dns_is_intercepted_where_that_is_asked_for(values: dict[str, Any], wanted: Interception | None) -> None:
    assert plan_settings(settings(**values)).interception == wanted


def test_the_servers_that_are_asked_are_those_that_resources_name() -> None:
    felix = parse_object({**FELIX, "spec": {"dnsTrustedServers": ["198.51.100.53", "k8s-service:dns"]}})
    given = settings(intercept_dns="Workloads")
    unset = given.model_copy(update={})
    unset.model_fields_set.discard("upstreams")  # those of resolv.conf
    found = plan_settings(unset, (), effective(unset, [felix])).interception
    assert found is not None
    assert found.trusted == (ip_address("198.51.100.53"),)
