"""Unknown fields that are left out."""

from typing import Any

import pytest

from dnsguard.resources import InvalidResource, parse_object
from dnsguard.resources.unknown import without_unknown


def policy(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "projectcalico.org/v3",
        "kind": "NetworkPolicy",
        "metadata": {"name": "a", "namespace": "b"},
        "spec": spec,
    }


def test_each_is_named_and_the_given_object_stays() -> None:
    rule = {"action": "Allow", "destination": {"domians": ["example.org"], "nets": ["192.0.2.0/24"]}}
    given = policy(egress=[{"action": "Deny"}, rule], foo=1)
    given["metadata"]["more"] = {"a": "b"}
    kept, dropped = without_unknown(given)
    assert sorted(dropped) == ["metadata.more", "spec.egress[1].destination.domians", "spec.foo"]
    assert kept["spec"]["egress"][1] == {"action": "Allow", "destination": {"nets": ["192.0.2.0/24"]}}
    parse_object(kept)
    assert given["spec"]["foo"] == 1


def test_what_is_wrong_otherwise_stays_wrong() -> None:
    kept, dropped = without_unknown(policy(egress=[{"action": "Permit", "foo": 1}], order=None))
    assert dropped == ("spec.egress[0].foo",)
    with pytest.raises(InvalidResource) as caught:
        parse_object(kept)
    assert {cause.field for cause in caught.value.causes} == {"spec.egress[0].action", "spec.order"}


@pytest.mark.parametrize("value", [5, [], {}, {"kind": "Nothing", "foo": 1}, {"kind": ["x"]}])
def test_what_is_of_no_kind_is_returned_as_it_is(value: Any) -> None:
    assert without_unknown(value) == (value, ())
