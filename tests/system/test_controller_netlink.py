"""The controller's netlink sockets die: what was in force stays, and policy that changes then comes into force."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system import surgery
from tests.system.controller import Controller, controller_in, until

LONG = 90.0
"""Seconds. A socket is given up after five without an answer, and there are several."""

POLICIES = "/apis/projectcalico.org/v3/globalnetworkpolicies"


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[Controller]:
    with controller_in(tmp_path) as made:
        yield made


@pytest.mark.timeout(300)
@pytest.mark.parametrize("disease", surgery.DISEASES)
def test_it_goes_on_with_others(controller: Controller, disease: str) -> None:
    for theirs in surgery.netfilter_sockets(controller.pid):
        with theirs:
            surgery.DISEASES[disease](theirs)
    spec = {"selector": "all()", "types": ["Egress"], "egress": [{"action": "Allow"}]}
    workload = {"node": "here", "interfaceName": "cali1", "ipNetworks": ["10.65.0.2"]}
    controller.create("/api/v1/namespaces", "Namespace", "shop", {})
    path = "/apis/projectcalico.org/v3/namespaces/shop/workloadendpoints"
    controller.create(path, "WorkloadEndpoint", "web", workload, namespace="shop")
    controller.create(POLICIES, "GlobalNetworkPolicy", "meanwhile", spec)
    until(lambda: "GlobalNetworkPolicy/meanwhile" in controller.rules(), LONG)
    controller.until_in_sync()
    controller.node.run("nft delete table inet dnsguard")
    until(lambda: "GlobalNetworkPolicy/meanwhile" in controller.rules(), LONG)
    assert "internal error" not in controller.log
    assert "Traceback" not in controller.log
