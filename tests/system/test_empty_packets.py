"""What is emptied closes, for real packets: after the change, and after everything was started again."""

import json
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.lab import topology
from tests.support.lab.guard import Guard, Manifest
from tests.support.lab.lab import Lab
from tests.support.lab.topology import Workload
from tests.support.localapi import local_client

pytestmark = [pytest.mark.xdist_group("empty packets"), pytest.mark.timeout(300)]

ADDRESS, NET = "203.0.113.10", "203.0.113.0/24"
V3 = "/apis/projectcalico.org/v3/namespaces/shop"
POLICIES = f"{V3}/networkpolicies"
SETS = f"{V3}/networksets"
KUBERNETES = "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies"
RULE = "/spec/egress/0/destination"
CLOSED, OPEN = "timeout", "answered"


@dataclass(frozen=True, slots=True)
class Case:
    """One workload of its own, an object about it that lets it out, and what empties that object."""

    name: str
    """Of the workload, its label and all its objects."""

    spec: Manifest
    """Of the policy; its selector apart."""

    emptied: Manifest | None
    """One JSON patch operation; None to delete the object."""

    outcome: str = CLOSED
    """Of a connection once it is empty."""

    policies: str = POLICIES
    network_set: Manifest | None = None
    """What the policy finds by the label ``for``; then it is this that is emptied."""


def allowing(**destination: Any) -> Manifest:
    return {"types": ["Egress"], "egress": [{"action": "Allow", "protocol": "TCP", "destination": destination}]}


def removing(path: str) -> Manifest:
    return {"op": "remove", "path": path}


def replacing(path: str, value: Any) -> Manifest:
    return {"op": "replace", "path": path, "value": value}


def of_set(name: str) -> Manifest:
    return allowing(selector=f"for == '{name}'")


CASES = [
    Case("nets", allowing(nets=[NET]), removing(f"{RULE}/nets/0")),
    Case("ports", allowing(ports=[443]), removing(f"{RULE}/ports/0")),
    Case("not-nets", allowing(notNets=["192.0.2.0/24"]), removing(f"{RULE}/notNets/0"), OPEN),
    Case("selector", allowing(), replacing(RULE, {"selector": "has(nobody)"})),
    Case("accounts", allowing(), replacing(RULE, {"serviceAccounts": {"names": []}})),
    Case("end", allowing(nets=[NET]), replacing(RULE, {}), OPEN),
    Case("egress", {"egress": [{"action": "Allow"}]}, removing("/spec/egress/0")),
    Case("rewritten", allowing(), replacing("/spec", {"selector": "for == 'rewritten'", "egress": []})),
    Case("set-nets", of_set("set-nets"), removing("/spec/nets/0"), network_set={"nets": [NET]}),
    Case("set-spec", of_set("set-spec"), replacing("/spec", {}), network_set={"nets": [NET]}),
    Case("set-gone", of_set("set-gone"), None, network_set={"nets": [NET]}),
    Case("knp-egress", {"policyTypes": ["Egress"], "egress": [{}]}, removing("/spec/egress/0"), policies=KUBERNETES),
    Case(
        "knp-pods",
        {"policyTypes": ["Egress"], "egress": [{"to": [{"ipBlock": {"cidr": NET}}]}]},
        replacing("/spec/egress/0/to/0", {"podSelector": {"matchLabels": {"for": "nobody"}}}),
        policies=KUBERNETES,
    ),
]
WORKLOADS = [
    Workload(case.name, "shop", (f"10.244.6.{number}",), {"for": case.name}) for number, case in enumerate(CASES, 10)
]


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Lab, Guard]]:
    with Lab(WORKLOADS, []) as lab, Guard(lab, ["--node-name", "lab-node"]) as guard:
        endpoints = [topology.workload_endpoint(each) for each in WORKLOADS]
        for each in endpoints:
            each["spec"]["orchestrator"] = "k8s"
        guard.apply([*topology.namespaces(WORKLOADS), *endpoints])
        for case in CASES:
            send(guard, "POST", case.policies, policy(case))
            if case.network_set is not None:
                send(guard, "POST", SETS, {"metadata": metadata(case), "spec": case.network_set})
        guard.await_enforced()
        yield lab, guard


def metadata(case: Case) -> Manifest:
    return {"name": case.name, "labels": {"for": case.name}}


def policy(case: Case) -> Manifest:
    chosen: Manifest = {"selector": f"for == '{case.name}'"}
    if case.policies == KUBERNETES:
        chosen = {"podSelector": {"matchLabels": {"for": case.name}}}
    return {"metadata": metadata(case), "spec": {**chosen, **case.spec}}


def send(guard: Guard, method: str, path: str, body: Any = None) -> None:
    answer = guard.request(method, path, body)
    assert answer.is_success, f"{method} {path}: {answer.text}"


def empty(guard: Guard, case: Case) -> None:
    path = f"{SETS if case.network_set is not None else case.policies}/{case.name}"
    if case.emptied is None:
        send(guard, "DELETE", path)
        return
    headers = {"Content-Type": "application/json-patch+json"}
    with local_client(guard.socket) as client:
        answer = client.patch(path, content=json.dumps([case.emptied]), headers=headers)
    assert answer.is_success, answer.text


def outcomes(lab: Lab) -> dict[str, str]:
    """Of a connection from each workload, all at once."""
    tried: dict[str, Future[Any]] = {
        case.name: lab.agent(case.name).submit("connect", transport="tcp", address=ADDRESS, port=443, wait=0.4)
        for case in CASES
    }
    return {name: future.result(20)["outcome"] for name, future in tried.items()}


def test_what_is_emptied_closes_and_stays_closed(running: tuple[Lab, Guard]) -> None:
    lab, guard = running
    assert outcomes(lab) == {case.name: OPEN for case in CASES}
    for case in CASES:
        empty(guard, case)
    guard.await_enforced()
    expected = {case.name: case.outcome for case in CASES}
    assert outcomes(lab) == expected
    guard.stop()
    assert outcomes(lab) == expected
    guard.start()
    guard.await_enforced()
    assert outcomes(lab) == expected
