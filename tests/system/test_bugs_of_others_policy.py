"""What went wrong between names and rules in other people's programs, in the lab with everything in its place.

C: cilium/cilium. The one of an empty selector (CVE-2025-64715) is all of ``test_empty_never_widens``.
"""

import re
import time
from collections.abc import Iterator

import pytest

from tests.support.lab import topology, world
from tests.support.lab.guard import Guard, Manifest
from tests.support.lab.lab import Lab
from tests.support.lab.process import run
from tests.support.lab.running import NODE_NAME, OPEN_ADDRESS, OPEN_NAME, PORT
from tests.support.lab.topology import Workload

pytestmark = [pytest.mark.xdist_group("bugs of others"), pytest.mark.timeout(300)]

Here = tuple[Lab, Guard]

ONE = Workload("one", "shop", ("10.244.6.20",), {"app": "one"})
TWO = Workload("two", "shop", ("10.244.6.21",), {"app": "two"})
API = "/apis/projectcalico.org/v3"


def policy(name: str, tier: str, selector: str, *egress: dict[str, object]) -> Manifest:
    return {
        "apiVersion": "projectcalico.org/v3",
        "kind": "GlobalNetworkPolicy",
        "metadata": {"name": f"{tier}.{name}"},
        "spec": {"tier": tier, "selector": selector, "types": ["Egress"], "egress": list(egress)},
    }


def tier(name: str, order: int) -> Manifest:
    return {
        "apiVersion": "projectcalico.org/v3",
        "kind": "Tier",
        "metadata": {"name": name},
        "spec": {"order": order},
    }


NAMES = policy("names", "later", "app in {'one', 'two'}", {"action": "Allow", "destination": {"domains": [OPEN_NAME]}})
BROAD = policy(
    "broad",
    "earlier",
    "app == 'two'",
    {"action": "Deny", "destination": {"nets": ["198.51.100.0/24"]}},
    {"action": "Pass"},
)


@pytest.fixture(scope="module")
def here() -> Iterator[Here]:
    with Lab([ONE, TWO], world.RECORDS) as lab, Guard(lab, ["--node-name", NODE_NAME]) as guard:
        workloads = list(lab.workloads.values())
        endpoints = map(topology.workload_endpoint, workloads)
        guard.apply([*topology.namespaces(workloads), *endpoints, tier("earlier", 10), tier("later", 20), NAMES, BROAD])
        yield lab, guard


def connect(lab: Lab, who: str) -> str:
    tried = lab.agent(who).call("connect", transport="tcp", address=OPEN_ADDRESS, port=PORT, wait=0.5)
    return str(tried["outcome"])


def lease_sets() -> list[str]:
    return re.findall(r"set (d4-\S+) \{", run(topology.NODE, "nft -t list sets inet"))


def test_cve_2024_47825_a_broad_deny_before_a_narrow_name(here: Here) -> None:
    """A narrow rule by name outweighed a broad denial that stood before it."""
    lab, _ = here
    for who in ("one", "two"):
        assert lab.lookup(who, OPEN_NAME) is not None
    assert connect(lab, "one") == "answered"
    assert connect(lab, "two") == "timeout"


def test_cilium_23086_a_connection_outlives_the_lease_that_opened_it(here: Here, soak: float) -> None:
    """Long connections to names of 5 seconds were cut when the address was forgotten."""
    lab, guard = here
    agent = lab.agent("one")
    assert lab.lookup("one", OPEN_NAME) is not None
    assert agent.call("hold", name="long", address=OPEN_ADDRESS, port=PORT)["outcome"] == "answered"
    for each in lease_sets():
        run(topology.NODE, f"nft flush set inet dnsguard {each}")
    assert agent.call("use", name="long") == "answered"
    guard.answer("POST", f"{API}/globalnetworkpolicies", policy("more", "later", "app == 'two'", {"action": "Pass"}))
    guard.await_enforced()
    until = time.monotonic() + soak
    while True:
        assert agent.call("use", name="long") == "answered"
        if time.monotonic() >= until:
            break
        time.sleep(min(5.0, soak))
    agent.call("release", name="long")
