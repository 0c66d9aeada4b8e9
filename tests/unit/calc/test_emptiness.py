"""What is empty matches what a plain reading says, in every place that takes a list, a selector, a set or an object."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnsguard.resources import parse_object, to_dict
from tests.support.emptiness import WORLD, Row, manifest, passing, read_plainly, surroundings
from tests.support.emptyrows import ROWS


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_what_is_empty_lets_through_what_a_plain_reading_does(row: Row) -> None:
    written = parse_object(row.written(row.empty))
    assert passing([*surroundings(row), written]) == read_plainly(row)
    assert passing([*surroundings(row), parse_object(to_dict(written))]) == read_plainly(row)


def test_names_are_unique() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)


FILLED: dict[str, Any] = {
    "nets": ["192.0.2.0/24", "10.0.0.0/8"],
    "ports": [443, "web"],
    "selector": "has(app) || has(role)",
    "namespaceSelector": "has(projectcalico.org/name)",
    "serviceAccounts": {"names": ["runner"]},
    "notNets": ["10.0.0.3/32"],
    "notPorts": [8080],
}
EMPTY: dict[str, Any] = {
    "nets": [],
    "ports": [],
    "selector": "has(nobody)",
    "namespaceSelector": "has(nobody)",
    "serviceAccounts": {"names": []},
}
"""What matches nothing, for each field that says what is matched."""


@settings(max_examples=60, deadline=None)
@given(
    fields=st.sets(st.sampled_from(sorted(FILLED)), min_size=1),
    emptied=st.sampled_from(sorted(EMPTY)),
    end=st.sampled_from(["source", "destination"]),
    direction=st.sampled_from(["ingress", "egress"]),
    kind=st.sampled_from(["NetworkPolicy", "GlobalNetworkPolicy"]),
)
def test_what_matches_nothing_lets_nothing_through_whatever_stands_beside_it(
    fields: set[str], emptied: str, end: str, direction: str, kind: str
) -> None:
    beside = {field: FILLED[field] for field in fields}
    rule = {"action": "Allow", "protocol": "TCP", end: {**beside, emptied: EMPTY[emptied]}}
    spec = {"selector": "app == 'w'", "types": [direction.capitalize()], direction: [rule]}
    written = parse_object(manifest(kind, "p", spec))
    world = [parse_object(each) for each in WORLD]
    for resource in (written, parse_object(to_dict(written))):
        assert {probe for probe in passing([*world, resource]) if probe.direction == direction} == set()
