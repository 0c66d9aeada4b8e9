"""What Prometheus is told of the controller."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from dnsguard.controller.counting.book import CounterBook, Counting
from dnsguard.controller.metrics import MetricsModel
from dnsguard.dataplane.counted import Counted
from dnsguard.dataplane.driver import Work
from dnsguard.dataplane.sentinel import Harm, Sighting
from dnsguard.link.server import ForwarderState
from dnsguard.observe.exposition import exposition, number
from tests.unit.controller.counting.fakes import FakeCounters
from tests.unit.controller.running import SHOP, InForce
from tests.unit.observe.test_exposition import check

COUNTER = "np-shop.names-egress-0"


class FakeLink:
    """Two forwarders: one that is three revisions behind, and one that was told nothing yet."""

    revision = 9
    forwarders = (
        ForwarderState("f1", (), 9, 6, "", None),
        ForwarderState("f2", (), 0, 0, "", None),
    )

    def laggards(self, revision: int) -> tuple[str, ...]:
        assert revision == self.revision
        return ("f1",)


@pytest.fixture
def worker() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as made:
        yield made


@pytest.fixture
def kernel() -> FakeCounters:
    return FakeCounters({COUNTER: Counted(4, 240)})


@pytest.fixture
def in_force() -> InForce:
    return InForce(SHOP)


@pytest.fixture
def model(in_force: InForce, kernel: FakeCounters, worker: ThreadPoolExecutor, tmp_path: Path) -> MetricsModel:
    counting = Counting(in_force.enforcer, CounterBook(kernel, fresh_seconds=0), worker)
    worked = {"prepare": Work(4, 400, 2, 0.5), "switch": Work(1, 100, 1, 0.25)}
    more = number("dnsguard_more", "gauge", "From elsewhere.", 1)
    return MetricsModel(
        "1.2.3", in_force.inputs, in_force.enforcer, FakeLink(), worked, counting, 100, "here", tmp_path, lambda: [more]
    )


async def told(model: MetricsModel) -> dict[str, float]:
    text = exposition(await model())
    check(text)
    samples = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in samples}


async def test_what_is_in_force_what_it_took_and_who_keeps_up(
    model: MetricsModel, in_force: InForce, tmp_path: Path
) -> None:
    in_force.enforcer.enforced_at = 1_767_323_045.5
    in_force.enforcer.failures = 4
    in_force.enforcer.durations.observe(0.25)
    (tmp_path / "store.db").write_bytes(b"0123456789")
    for when in 10.0, 20.0:
        in_force.enforcer.restorations.began(when, Sighting(Harm.RULES, 0.25, when))
        in_force.enforcer.restorations.ended(when + 0.5)
    found = await told(model)
    assert (
        found.items()
        >= {
            "dnsguard_in_sync": 1,
            "dnsguard_enforcement_failing": 0,
            "dnsguard_enforced_revision": 7,
            "dnsguard_enforced_timestamp_seconds": 1_767_323_045.5,
            "dnsguard_table_restored_total": 2,
            "dnsguard_table_open_seconds_total": 0.5,
            "dnsguard_table_restoring_seconds_total": 1,
            'dnsguard_dataplane_transactions_total{step="prepare"}': 2,
            'dnsguard_dataplane_messages_total{step="prepare"}': 4,
            'dnsguard_dataplane_bytes_total{step="switch"}': 100,
            'dnsguard_dataplane_seconds_total{step="switch"}': 0.25,
            "dnsguard_dataplane_classes": 5,
            "dnsguard_dataplane_endpoints": 3,
            "dnsguard_node_endpoints": 2,
            "dnsguard_node_endpoints_without_address": 0,
            "dnsguard_enforcement_duration_seconds_count": 1,
            "dnsguard_enforcement_failures_total": 4,
            "dnsguard_state_files_bytes": 10,
            "dnsguard_dataplane_policies": 1,
            "dnsguard_store_revision": 7,
            'dnsguard_store_objects{collection="networkpolicies"}': 1,
            "dnsguard_store_invalid_objects": 0,
            "dnsguard_forwarders_connected": 2,
            "dnsguard_link_revision": 9,
            "dnsguard_link_lag_revisions": 3,
            "dnsguard_link_lagging_forwarders": 1,
            "dnsguard_more": 1,
            "dnsguard_counters_known": 1,
        }.items()
    )
    assert 0 < found["dnsguard_state_disk_free_bytes"] <= found["dnsguard_state_disk_size_bytes"]
    assert found["process_resident_memory_bytes"] > 0
    plan = in_force.enforcer.enforced.plan if in_force.enforcer.enforced else None
    assert plan is not None
    assert found["dnsguard_dataplane_chains"] == len(plan.chains)
    assert found['dnsguard_dataplane_elements{of="map"}'] == 6, "of two workloads on this node, one with two addresses"
    rule = 'kind="NetworkPolicy",namespace="shop",name="names",tier="default",direction="egress",rule="0"'
    assert found[f'dnsguard_rule_packets_total{{{rule},action="allow"}}'] == 4


async def test_sizes_are_those_of_what_is_in_force_now(model: MetricsModel, in_force: InForce) -> None:
    await told(model)
    enforced = in_force.enforcer.enforced
    assert enforced is not None
    in_force.enforcer.enforced = replace(enforced, compiled=replace(enforced.compiled, endpoints={}))
    assert (await told(model))["dnsguard_dataplane_endpoints"] == 0


async def test_a_workload_without_an_address_is_counted(model: MetricsModel, in_force: InForce) -> None:
    enforced = in_force.enforcer.enforced
    assert enforced is not None
    endpoints = {key: replace(each, addresses=()) for key, each in enforced.compiled.endpoints.items()}
    in_force.enforcer.enforced = replace(enforced, compiled=replace(enforced.compiled, endpoints=endpoints))
    assert (await told(model))["dnsguard_node_endpoints_without_address"] == 2


async def test_what_is_not_known_is_left_out_and_the_rest_is_told(
    model: MetricsModel, in_force: InForce, kernel: FakeCounters, tmp_path: Path
) -> None:
    kernel.broken = True
    found = await told(model)
    assert found["dnsguard_counters_known"] == 0
    assert not any(name.startswith("dnsguard_rule_") for name in found)
    in_force.enforcer.enforced = None
    shutil.rmtree(tmp_path)
    in_force.enforcer.problem = "set is full"
    found = await told(model)
    assert (found["dnsguard_in_sync"], found["dnsguard_enforcement_failing"]) == (0, 1)
    assert "dnsguard_enforced_revision" not in found
    assert "dnsguard_dataplane_chains" not in found
    assert "dnsguard_state_disk_free_bytes" not in found
