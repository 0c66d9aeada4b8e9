"""Explanations of the running program, in the lab: with leases from real look-ups, and held against real packets."""

import subprocess
from collections.abc import Iterator
from itertools import takewhile
from typing import Any

import httpx
import pytest

from tests.demo.acts import Connection, Introduction
from tests.demo.script import SCRIPT
from tests.support.lab import topology, world
from tests.support.lab.guard import PROGRAM, Guard
from tests.support.lab.lab import Lab
from tests.support.lab.process import inside
from tests.support.lab.running import running, tell_everything

pytestmark = [pytest.mark.xdist_group("explain"), pytest.mark.timeout(300)]

V3 = "/apis/projectcalico.org/v3"
ROWS = [act for act in takewhile(lambda act: not isinstance(act, Introduction), SCRIPT) if isinstance(act, Connection)]

Running = tuple[Lab, Guard]


@pytest.fixture(scope="module")
def lab() -> Iterator[Running]:
    with running() as (built, guard):
        tell_everything(built, guard)
        yield built, guard


def explain(guard: Guard, source: str, destination: str, port: int | None = 443, **more: Any) -> Any:
    question = {"source": source, "destination": destination, **more}
    return guard.answer("POST", "/v1/explain", question if port is None else {**question, "port": port})


def look_up(lab: Lab, row: Connection) -> None:
    for each in row.lookups:
        if each.server:
            lab.lookup(each.who or row.who, each.name, server=each.server)
        else:
            lab.agent(each.who or row.who).call("resolve", name=each.name, family=6 if ":" in each.address else 4)


def source_of(lab: Lab, row: Connection) -> str:
    workload = lab.workloads.get(row.who)
    if row.source or workload is None:
        return row.source
    if not workload.known:
        return workload.address()
    return workload.address(6) if ":" in row.address else f"{workload.namespace}/{workload.name}"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.key)
def test_a_row_of_the_demo_is_explained_by_the_rule_that_counts_it(lab: Running, row: Connection) -> None:
    built, guard = lab
    look_up(built, row)
    protocol = "ICMPv6" if row.transport == "icmp" and ":" in row.address else row.transport
    answer = explain(guard, source_of(built, row), row.address, row.port or None, protocol=protocol)
    assert answer["verdict"] == ("Allow" if row.allowed else "Deny"), answer["summary"]
    (outcome,) = answer["outcomes"]
    assert outcome["verdict"] == answer["verdict"]
    assert any(note.startswith(f"kernel counter {row.counter}: ") for note in answer["notes"]), answer["notes"]


def test_a_name_is_explained_with_its_chain_and_its_lease(lab: Running) -> None:
    built, guard = lab
    built.agent("prod1").call("resolve", name="cdn.example.com", family=4)
    prod1 = f"{built.workloads['prod1'].namespace}/prod1"
    answer = explain(guard, prod1, "cdn.example.com")
    assert answer["verdict"] == "Allow"
    name = answer["name"]
    assert [(step["owner"], step["target"]) for step in name["aliases"]] == [
        ("cdn.example.com", "edge.cdnprovider.net")
    ]
    (address,) = name["addresses"]
    assert (address["address"], address["nodeWide"], bool(address["sets"])) == ("192.0.2.99", False, True)
    assert 0 < address["secondsLeft"] <= 600
    carrier = name["carriers"][0]
    assert (carrier["used"], carrier["pattern"]) == (True, "*.example.com")
    assert (
        built.agent("prod1").call("connect", transport="tcp", address="192.0.2.99", port=443, wait=2.0)["outcome"]
        == "answered"
    )


def test_what_one_workload_looked_up_opens_nothing_for_another(lab: Running) -> None:
    built, guard = lab
    built.agent("roll1").call("resolve", name="bob.example.com", family=4)
    roll1, prod1 = (f"{built.workloads[name].namespace}/{name}" for name in ("roll1", "prod1"))
    assert explain(guard, roll1, "198.51.100.7")["verdict"] == "Allow"
    answer = explain(guard, prod1, "198.51.100.7")
    assert answer["verdict"] == "Deny"
    (near,) = answer["outcomes"][0]["nearest"]
    assert any("was not learned for" in reason for reason in near["failing"])
    tried = built.agent("prod1").call("connect", transport="tcp", address="198.51.100.7", port=443, wait=0.4)
    assert tried["outcome"] == "timeout"


def test_a_name_that_leads_to_what_no_name_opens_is_denied_as_the_kernel_does(lab: Running) -> None:
    built, guard = lab
    roll1 = f"{built.workloads['roll1'].namespace}/roll1"
    assert explain(guard, roll1, "metadata.example.com")["verdict"] == "Allow", "nobody knows yet where it leads"
    built.agent("roll1").call("resolve", name="metadata.example.com", family=4)
    answer = explain(guard, roll1, "metadata.example.com")
    assert answer["verdict"] == "Deny"
    assert answer["summary"].endswith(
        "; metadata.example.com leads to 169.254.169.254, which no name opens: it is link-local"
    )
    (withheld,) = answer["name"]["withheld"]
    assert (withheld["address"], withheld["reason"]) == ("169.254.169.254", "link-local")
    tried = built.agent("roll1").call("connect", transport="tcp", address="169.254.169.254", port=443, wait=0.4)
    assert tried["outcome"] == "timeout"


def test_the_interfaces_are_those_of_the_kernel(lab: Running) -> None:
    built, guard = lab
    roll1 = built.workloads["roll1"]
    (outcome,) = explain(guard, f"{roll1.namespace}/roll1", "198.51.100.99")["outcomes"]
    assert [(flow["arrives"], flow["leaves"]) for flow in outcome["flows"]] == [(roll1.interface, topology.UPLINK)]
    answer = explain(guard, "192.0.2.55", world.GATEWAY.address, 9999, protocol="UDP")
    (outcome,) = answer["outcomes"]
    assert outcome["flows"][0]["arrives"] == world.GATEWAY.interface
    assert (outcome["decision"]["endpoint"], outcome["decision"]["stage"]) == (world.GATEWAY.name, "untracked")
    assert outcome["decision"]["written"]["action"] == "Deny"


def test_a_workload_reaches_the_forwarder_and_not_its_node(lab: Running) -> None:
    built, guard = lab
    roll1 = f"{built.workloads['roll1'].namespace}/roll1"
    node = explain(guard, roll1, topology.NODE_ADDRESSES[0], 8053)
    assert (node["verdict"], node["outcomes"][0]["decision"]["by"]) == ("Deny", "workloads do not reach their own node")
    tried = built.agent("roll1").call(
        "connect", transport="tcp", address=topology.NODE_ADDRESSES[0], port=8053, wait=0.4
    )
    assert tried["outcome"] == "timeout"
    dns = explain(guard, roll1, topology.LISTEN_ADDRESSES[0], 53, protocol="UDP")
    assert (dns["verdict"], dns["outcomes"][0]["decision"]["endpoint"]) == ("Allow", "")


def test_what_is_staged_is_told_and_never_enforced(lab: Running) -> None:
    built, guard = lab
    workload = built.workloads["roll1"]
    built.agent("roll1").call("resolve", name="bob.example.com", family=4)
    roll1 = f"{workload.namespace}/roll1"
    assert explain(guard, roll1, "bob.example.com").get("pending") is None
    spec = {
        "order": -1,
        "selector": f"projectcalico.org/namespace == '{workload.namespace}'",
        "types": ["Egress"],
        "egress": [{"action": "Deny", "protocol": "TCP"}],
    }
    staged = {
        "apiVersion": "projectcalico.org/v3",
        "kind": "StagedGlobalNetworkPolicy",
        "metadata": {"name": "closing"},
    }
    guard.answer("POST", f"{V3}/stagedglobalnetworkpolicies", {**staged, "spec": spec})
    try:
        guard.await_enforced()
        answer = explain(guard, roll1, "bob.example.com")
        assert (answer["verdict"], answer["pending"]["verdict"], answer["pending"]["differs"]) == (
            "Allow",
            "Deny",
            True,
        )
        decision = answer["pending"]["outcomes"][0]["decision"]
        assert (decision["policy"], decision["written"]) == (
            "StagedGlobalNetworkPolicy/closing",
            {"action": "Deny", "protocol": "TCP"},
        )
        tried = built.agent("roll1").call("connect", transport="tcp", address="198.51.100.7", port=443, wait=2.0)
        assert tried["outcome"] == "answered"
    finally:
        guard.answer("DELETE", f"{V3}/stagedglobalnetworkpolicies/closing")
        guard.await_enforced()


def test_the_command_says_it_in_one_line_first(lab: Running) -> None:
    built, guard = lab
    for family in (4, 6):
        built.agent("roll1").call("resolve", name="bob.example.com", family=family)
    roll1 = f"{built.workloads['roll1'].namespace}/roll1"
    words = [str(PROGRAM), "explain", "--state-dir", str(guard.state), "--exit-code", roll1]
    allowed = subprocess.run(
        inside(topology.NODE, [*words, "bob.example.com:443"]), capture_output=True, text=True, check=False
    )
    first, *rest = allowed.stdout.splitlines()
    assert first == (
        f"Allow: {roll1} to bob.example.com (198.51.100.7, 2001:db8::7), TCP port 443: "
        "allowed by rule 0 of GlobalNetworkPolicy/allow-egress-to-domain"
    )
    assert "Steps" in rest
    denied = subprocess.run(
        inside(topology.NODE, [*words, "example.com:443"]), capture_output=True, text=True, check=False
    )
    assert (allowed.returncode, denied.returncode) == (0, 3)
    assert denied.stdout.startswith(f"Deny: {roll1} to example.com")


@pytest.mark.parametrize(
    ("client", "status"), [("junk", httpx.codes.BAD_REQUEST), ("shop/nobody", httpx.codes.NOT_FOUND)]
)
def test_leases_of_nobody(lab: Running, client: str, status: int) -> None:
    _, guard = lab
    response = guard.request("GET", f"/v1/leases?client={client}")
    assert response.status_code == status
    assert client in response.json()["message"]


def test_what_was_learned_is_found_by_name_address_and_set(lab: Running) -> None:
    built, guard = lab
    built.agent("prod1").call("resolve", name="cdn.example.com", family=4)
    prod1 = f"{built.workloads['prod1'].namespace}/prod1"
    found = guard.answer("GET", "/v1/names?name=cdn.example.com")
    (name,) = found["names"]
    (client,) = [each for each in name["clients"] if each["client"] == prod1]
    assert (name["name"], found["truncated"]) == ("cdn.example.com", False)
    assert client["aliases"]
    address, (lease_set, *_) = client["addresses"][0]["address"], client["sets"]
    by_name = guard.answer("GET", f"/v1/leases?client={prod1}&name=cdn.example.com")["leases"]
    assert {each["address"] for each in by_name} == {each["address"] for each in client["addresses"]}
    by_address = guard.answer("GET", f"/v1/leases?address={address}&set={lease_set}")["leases"]
    assert by_address
    assert all((each["address"], lease_set in each["sets"]) == (address, True) for each in by_address)
    assert guard.answer("GET", "/v1/leases?address=192.0.2.250")["leases"] == []


def test_what_applies_to_an_endpoint_is_told_with_what_names_led_it_to(lab: Running) -> None:
    built, guard = lab
    built.agent("prod1").call("resolve", name="cdn.example.com", family=4)
    prod1 = f"{built.workloads['prod1'].namespace}/prod1"
    found = guard.answer("GET", f"/v1/effective?endpoint={prod1}")
    assert (found["problem"], found["interface"][:4]) == ("", "cali")
    assert [stage["direction"] for stage in found["stages"]] == ["egress", "ingress"]
    learned = {each["name"] for group in found["sets"] for each in group["learned"]}
    assert "cdn.example.com" in learned
    words = [str(PROGRAM), "effective", prod1, "--server", f"unix:{guard.socket}"]
    shown = subprocess.run(inside(topology.NODE, words), capture_output=True, text=True, check=False)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "cdn.example.com →" in shown.stdout
