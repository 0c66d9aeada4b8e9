from collections.abc import Sequence
from typing import Any

import pytest

from dnsguard.api.reading.statuses import Turned
from dnsguard.controller.inputs import key_of
from dnsguard.controller.statuses import REMEMBERED, SHARED_SECONDS, StatusesModel
from dnsguard.resources import manifest
from dnsguard.store.interface import Change, ChangeType, Compacted, Key, Object
from tests.unit.controller.fakes import network_set
from tests.unit.controller.running import SHOP, InForce

MORE = """
---
apiVersion: projectcalico.org/v3
kind: WorkloadEndpoint
metadata: {name: starting, namespace: shop}
spec: {interfaceName: cali4}
---
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: lost, namespace: shop}
spec: {tier: gone, selector: all()}
---
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: idle, namespace: shop}
spec: {selector: app == 'nobody'}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: untracked}
spec: {selector: app == 'cart', doNotTrack: true, applyOnForward: true, ingress: [{action: Allow}]}
---
apiVersion: projectcalico.org/v3
kind: StagedNetworkPolicy
metadata: {name: planned, namespace: shop}
spec: {selector: all()}
---
apiVersion: projectcalico.org/v3
kind: FelixConfiguration
metadata: {name: node.there}
spec: {}
---
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: eth}
spec: {node: here, expectedIPs: [192.0.2.77]}
"""
SET = Key("globalnetworksets", "", "a")


class Clock:
    seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


class Model:
    """Statuses of what ``InForce`` has."""

    def __init__(self, text: str = SHOP) -> None:
        self.in_force = InForce(text)
        self.inputs, self.enforcer = self.in_force.inputs, self.in_force.enforcer
        self.newest = 7
        self.clock = Clock()
        self.statuses = StatusesModel(self.inputs, self.enforcer, "here", lambda: self.newest, self.clock)
        self.heard: list[Turned] = []
        self.statuses.progressed()
        self.statuses.follow(self.hear)

    def hear(self, turned: Sequence[Turned]) -> None:
        self.heard += turned

    def change(self, value: Object, revision: int, type_: ChangeType = ChangeType.MODIFIED) -> Object:
        value = {**value, "metadata": {**value["metadata"], "resourceVersion": str(revision), "generation": 2}}
        self.inputs.take(Change(type_, key_of(value), value, revision))
        self.newest = revision
        return value

    def reach(self, revision: int, problem: str = "") -> None:
        """The enforcer has that revision in force, and that problem."""
        assert self.enforcer.enforced is not None
        object.__setattr__(self.enforcer.enforced, "revision", revision)
        self.enforcer.problem = problem
        self.statuses.progressed()

    def condition(self, value: Object) -> dict[str, Any]:
        status = self.statuses.of(key_of(value), value)
        assert status is not None
        assert status["node"] == "here"
        (condition,) = status["conditions"]
        assert condition["type"] == "Enforced"
        return {**condition, "revision": status.get("enforcedRevision", "")}

    def told(self, value: Object) -> tuple[str, str, str, str]:
        condition = self.condition(value)
        return condition["status"], condition["reason"], condition["message"], condition["revision"]


def stored(text: str, name: str) -> Object:
    (found,) = (each.data for each in manifest.load(text, "test") if each.data["metadata"]["name"] == name)
    return {**found, "metadata": {**found["metadata"], "resourceVersion": "7", "generation": 1}}


@pytest.mark.parametrize(
    ("name", "status", "reason", "message"),
    [
        ("cart", "True", "Enforced", ""),
        ("far", "False", "OtherNode", "it is on node there"),
        ("starting", "False", "NoAddress", "it has no address"),
        ("names", "True", "Enforced", ""),
        ("idle", "True", "Enforced", "it selects no endpoint now"),
        ("lost", "False", "NotEnforced", "not enforced, since there is no tier 'gone'"),
        ("planned", "False", "Staged", "it is staged: only what dnsguard explain says of it differs"),
        ("node.there", "False", "OtherNode", "this node goes by default and node.here"),
        (
            "eth", "False", "NotEnforced", "no interface of this node has one of its addresses; not enforced",
        ),
        (
            "untracked", "True", "EnforcedWithWarnings",
            "without effect on workload shop/cart: it applies to host endpoints only",
        ),
    ],
)  # fmt: skip
def test_what_is_in_force_of_objects(name: str, status: str, reason: str, message: str) -> None:
    told = Model(SHOP + MORE).told(stored(SHOP + MORE, name))
    assert told == (status, reason, message, "7" if status == "True" else "")


def test_kinds_that_nobody_enforces_and_what_is_not_stored_have_none() -> None:
    model = Model()
    shop = stored(SHOP, "shop")
    assert model.statuses.of(key_of(shop), shop) is None
    unstored = network_set("a")
    del unstored["metadata"]["resourceVersion"]
    assert model.statuses.of(SET, unstored) is None


def test_a_change_is_pending_until_it_is_in_force_and_says_what_is_meanwhile() -> None:
    model = Model()
    first = model.change(network_set("a"), 8, ChangeType.ADDED)
    assert model.told(first) == ("False", "Pending", "a change is on its way into the kernel", "")
    model.reach(8)
    assert model.told(first) == ("True", "Enforced", "", "8")
    second = model.change(network_set("a", nets=["192.0.2.0/24"]), 9)
    stays = "a change is on its way into the kernel; version 8 stays in force"
    assert model.told(second) == ("False", "Pending", stays, "8")
    assert model.condition(second)["observedGeneration"] == 2
    model.reach(8, "set is full")
    assert model.told(second) == ("False", "Problem", "set is full; version 8 stays in force", "8")
    assert model.told(first) == ("True", "Enforced", "", "8")
    model.reach(9)
    assert model.heard == [Turned(SET, 8), Turned(SET, 9), Turned(SET, 9)]  # the problem, and its end


def test_what_the_api_shows_before_it_came_to_enforcement_is_pending() -> None:
    model = Model()
    assert model.told(network_set("new", 8))[1] == "Pending"


def test_an_object_that_is_not_understood_says_which_version_stays() -> None:
    model = Model()
    model.change(network_set("a"), 8, ChangeType.ADDED)
    model.reach(8)
    broken = model.change(network_set("a", nets=["192.0.2.0/99"]), 9)
    model.reach(9)
    status, reason, message, revision = model.told(broken)
    assert (status, reason, revision) == ("False", "Invalid", "8")
    assert message.endswith("version 8 stays active")
    assert "spec.nets[0]" in message


def test_before_the_first_rules_nothing_is_known() -> None:
    model = Model()
    model.enforcer.enforced = None
    status, reason, message, _ = model.told(stored(SHOP, "cart"))
    assert (status, reason) == ("Unknown", "Starting")
    assert message.endswith("the first computation of policy still runs")


def test_while_the_table_is_made_anew_nothing_is_in_force(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Model()
    monkeypatch.setattr(model.enforcer, "_reassert", True)
    assert model.told(stored(SHOP, "cart"))[:2] == ("False", "Restoring")


def test_watches_that_begin_where_something_turned_later_are_told() -> None:
    model = Model()
    assert model.statuses.turned_since(8, "globalnetworksets") == []
    model.change(network_set("a"), 8, ChangeType.ADDED)
    model.change(network_set("b"), 9, ChangeType.ADDED)
    model.reach(9)
    model.newest = 12
    model.change(network_set("b"), 13)
    model.reach(13)
    b = Key("globalnetworksets", "", "b")
    assert model.statuses.turned_since(8, "globalnetworksets") == [Turned(SET, 8), Turned(b, 13)]
    assert model.statuses.turned_since(10, "globalnetworksets") == [Turned(b, 13)]
    assert model.statuses.turned_since(13, "globalnetworksets") == [Turned(b, 13)]
    assert model.statuses.turned_since(14, "globalnetworksets") == []
    assert model.statuses.turned_since(8, "tiers") == []
    model.clock.seconds += SHARED_SECONDS
    assert model.statuses.turned_since(13, "globalnetworksets") == []
    assert model.statuses.turned_since(12, "globalnetworksets") == [Turned(b, 13)]


def test_what_is_no_longer_remembered_is_said_to_be_and_what_turned_at_one_time_stays_together() -> None:
    model = Model()
    for number in range(REMEMBERED + 1):
        model.change(network_set(f"n{number}"), 8 + number, ChangeType.ADDED)
    model.reach(model.newest)
    listed = model.newest
    assert len(model.statuses.turned_since(listed, "globalnetworksets")) == REMEMBERED + 1
    model.change(network_set("one-more"), listed + 1, ChangeType.ADDED)
    model.reach(model.newest)
    with pytest.raises(Compacted, match="list again"):
        model.statuses.turned_since(listed, "globalnetworksets")
    assert [each.revision for each in model.statuses.turned_since(model.newest, "globalnetworksets")] == [model.newest]


def test_whoever_stops_following_hears_no_more() -> None:
    model = Model()
    heard: list[Turned] = []
    stop = model.statuses.follow(heard.extend)
    stop()
    model.change(network_set("a"), 8, ChangeType.ADDED)
    model.reach(8)
    assert (heard, len(model.heard)) == ([], 1)
