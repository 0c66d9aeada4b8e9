from typing import Any

import pytest

from dnsguard.controller.inputs import Inputs, key_of
from dnsguard.store.interface import Change, ChangeType, Key
from tests.unit.controller.fakes import network_set

A = Key("globalnetworksets", "", "a")
GOOD = network_set("a", 3, nets=["192.0.2.0/24"])
BAD = network_set("a", 4, nets=["192.0.2.0/99"])


def nets(inputs: Inputs) -> list[Any]:
    return [[str(net) for net in resource.spec.nets or ()] for resource in inputs.resources]  # type: ignore[attr-defined]


def changed(value: dict[str, Any], revision: int, kind: ChangeType = ChangeType.MODIFIED) -> Change:
    return Change(kind, key_of(value), value, revision)


def test_a_list_replaces_everything() -> None:
    inputs = Inputs()
    inputs.replace([GOOD, network_set("b", 2)], 3)
    inputs.replace([network_set("b", 2)], 5)
    assert [resource.metadata.name for resource in inputs.resources] == ["b"]
    assert inputs.revision == 5


def test_changes_follow_the_store() -> None:
    inputs = Inputs()
    inputs.replace([], 1)
    inputs.take(changed(GOOD, 3, ChangeType.ADDED))
    assert inputs.counts == {"globalnetworksets": 1}
    inputs.take(changed(GOOD, 6, ChangeType.DELETED))
    assert inputs.resources == ()
    assert inputs.revision == 6


def test_an_invalid_object_leaves_its_last_valid_version_active_and_says_so() -> None:
    inputs = Inputs()
    inputs.replace([GOOD], 3)
    inputs.take(changed(BAD, 4))
    assert nets(inputs) == [["192.0.2.0/24"]]
    (invalid,) = inputs.invalid
    assert (invalid.key, invalid.enforced_version) == (A, "3")
    assert str(invalid).startswith("globalnetworksets/a: GlobalNetworkSet a is invalid: spec.nets[0]: ")
    assert str(invalid).endswith("; version 3 stays active")


@pytest.mark.parametrize("arrives", ["while it runs", "while it is stopped"])
def test_the_last_valid_version_survives_a_restart(arrives: str) -> None:
    before = Inputs()
    before.replace([GOOD, network_set("b", 2)], 3)
    if arrives == "while it runs":
        before.take(changed(BAD, 4))
    after = Inputs()
    after.remember(before.valid_objects)
    after.replace([BAD, network_set("b", 2)], 4)
    assert nets(after) == [["192.0.2.0/24"], []]
    assert [invalid.enforced_version for invalid in after.invalid] == ["3"]
    after.take(changed(BAD, 5))
    assert nets(after) == [["192.0.2.0/24"], []]


def test_a_remembered_object_that_is_gone_is_gone() -> None:
    inputs = Inputs()
    inputs.remember([GOOD])
    inputs.replace([], 9)
    inputs.take(changed(BAD, 10, ChangeType.ADDED))
    assert inputs.resources == ()


def test_a_remembered_object_that_this_version_does_not_know_is_no_help() -> None:
    inputs = Inputs()
    inputs.remember([BAD])
    inputs.replace([BAD], 9)
    assert (inputs.resources, len(inputs.invalid)) == ((), 1)


@pytest.mark.parametrize("healed", [changed(GOOD, 5), changed(BAD, 5, ChangeType.DELETED)])
def test_an_object_made_valid_or_deleted_is_no_longer_listed(healed: Change) -> None:
    inputs = Inputs()
    inputs.replace([BAD], 4)
    assert (inputs.resources, inputs.invalid[0].enforced_version) == ((), "")
    assert str(inputs.invalid[0]).endswith("it has no effect")
    inputs.take(healed)
    assert inputs.invalid == ()


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (GOOD, A),
        ({"kind": "NetworkSet", "metadata": {"name": "x", "namespace": "shop"}}, Key("networksets", "shop", "x")),
        ({"kind": "Widget", "metadata": {"name": "x"}}, Key("Widget", "", "x")),
        ({"kind": "Widget"}, Key("Widget", "", "")),
    ],
)
def test_the_key_of_an_object(value: dict[str, Any], key: Key) -> None:
    assert key_of(value) == key
    inputs = Inputs()
    inputs.replace([value], 1)
    assert inputs.counts == {key.plural: 1}
