"""Objects for the tests of resources, each with one thing that a row is about."""

from typing import Any

from dnsguard.resources import InvalidResource, Resource, parse_object

V3 = "projectcalico.org/v3"


def obj(kind: str, spec: Any = None, name: str = "thing", **metadata: Any) -> dict[str, Any]:
    """An object of a kind; without `spec` where none is given."""
    data = {"apiVersion": "v1" if kind == "Namespace" else V3, "kind": kind, "metadata": {"name": name, **metadata}}
    return data if spec is None else {**data, "spec": spec}


def policy(kind: str = "NetworkPolicy", **spec: Any) -> dict[str, Any]:
    """A policy with this spec."""
    return obj(kind, spec)


def kubernetes(**spec: Any) -> dict[str, Any]:
    """A Kubernetes network policy with this spec."""
    return obj("NetworkPolicy", spec) | {"apiVersion": "networking.k8s.io/v1"}


def egress(rule: dict[str, Any], kind: str = "NetworkPolicy") -> dict[str, Any]:
    """A policy with one egress rule, Allow unless it says otherwise."""
    return policy(kind, egress=[{"action": "Allow", **rule}])


def ingress(rule: dict[str, Any], kind: str = "NetworkPolicy") -> dict[str, Any]:
    """A policy with one ingress rule, Allow unless it says otherwise."""
    return policy(kind, ingress=[{"action": "Allow", **rule}])


def to(entity: dict[str, Any], **rule: Any) -> dict[str, Any]:
    """A policy with one egress rule to this destination."""
    return egress({**rule, "destination": entity})


def read(data: Any) -> Resource:
    """The resource; fails the test where there is none."""
    return parse_object(data)


def faults(data: Any) -> set[tuple[str, str]]:
    """What is wrong, as (field, code); empty for a good object."""
    try:
        parse_object(data)
    except InvalidResource as error:
        return {(cause.field, cause.code) for cause in error.causes}
    return set()


def codes(data: Any) -> set[str]:
    """The codes alone."""
    return {code for _, code in faults(data)}
