from ipaddress import ip_address, ip_network

from dnsguard.controller.node import interface_addresses, plan_settings
from dnsguard.dataplane.settings import Failsafe, HostAction, Listen
from dnsguard.resources import parse_object
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
    assert plan.workload_cidrs == (ip_network("10.0.0.0/8"),)
    assert plan.listen == (Listen(ip_address("192.0.2.53"), 53),)
    assert plan.endpoint_to_host is HostAction.ACCEPT
    assert plan.failsafe_inbound == (Failsafe(6, 22), Failsafe(17, 68, ip_network("192.0.2.0/24")))
    assert plan.failsafe_outbound == ()


def test_the_machine_is_asked_only_where_an_endpoint_is_bound_by_address() -> None:
    by_name = parse_object(host_endpoint(interfaceName="eth0"))
    by_address = parse_object(host_endpoint(expectedIPs=["127.0.0.1"]))
    assert interface_addresses((by_name,)) == ()
    found = dict(interface_addresses((by_name, by_address)))
    assert ip_address("127.0.0.1") in found["lo"]
