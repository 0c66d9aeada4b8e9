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


def test_what_may_have_been_meant_is_said_of_the_first_hundred() -> None:
    """A body of nothing but mistakes must not take minutes."""
    with pytest.raises(InvalidResource) as caught:
        parse_object(policy(**{f"selector{number}": 1 for number in range(150)}))
    said = [cause.message for cause in caught.value.causes]
    assert (said.count("unknown field; did you mean selector?"), said.count("unknown field")) == (100, 50)


def test_every_rule_that_is_wrong_is_named() -> None:
    good, bad = {"action": "Allow"}, {"action": "Allow", "foo": 1}
    with pytest.raises(InvalidResource) as caught:
        parse_object(policy(egress=[good, bad, good, bad]))
    assert [cause.field for cause in caught.value.causes] == ["spec.egress[1].foo", "spec.egress[3].foo"]


@pytest.mark.parametrize("field", ["finalizers", "ownerReferences"])
def test_what_would_promise_something_is_refused_in_words(field: str) -> None:
    with pytest.raises(InvalidResource, match="is deleted") as caught:
        parse_object({**policy(), "metadata": {"name": "a", field: []}})
    assert [cause.field for cause in caught.value.causes] == [f"metadata.{field}"]
