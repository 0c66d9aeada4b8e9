"""What a client asks first: which groups, versions and kinds there are."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from dnsguard.resources import KINDS, Kind, groups
from dnsguard.resources.apiversions import CORE, PROJECTCALICO

VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")

_CATEGORIES: Mapping[str, Callable[[Kind], bool]] = {
    "all": lambda kind: kind.namespaced,
    "calico": lambda kind: kind.api_version == PROJECTCALICO,
}
"""What ``kubectl get all`` and ``kubectl get calico`` list."""

API_VERSIONS = tuple(f"{group}/{version}" if group else version for group, version in groups())
"""Of every group that is served, in the order in which a bare name is looked for."""


class Review(NamedTuple):
    """A kind that asks who may what: it is sent, answered and not kept."""

    kind: str
    plural: str
    api_version: str


REVIEWS: Mapping[str, Review] = {
    review.kind: review
    for review in (
        Review("SelfSubjectAccessReview", "selfsubjectaccessreviews", "authorization.k8s.io/v1"),
        Review("SelfSubjectRulesReview", "selfsubjectrulesreviews", "authorization.k8s.io/v1"),
        Review("SubjectAccessReview", "subjectaccessreviews", "authorization.k8s.io/v1"),
        Review("SelfSubjectReview", "selfsubjectreviews", "authentication.k8s.io/v1"),
    )
}
"""Kind → what it is called."""

REVIEW_VERSIONS = tuple(dict.fromkeys(review.api_version for review in REVIEWS.values()))


def served_groups() -> tuple[tuple[str, str], ...]:
    """Every group with its version, those of reviews included."""
    return (*groups(), *((group, version) for group, _, version in (each.partition("/") for each in REVIEW_VERSIONS)))


def root_of(api_version: str) -> str:
    """Where the kinds of a group and version are served."""
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


def core_versions() -> dict[str, Any]:
    """``/api``."""
    return {"kind": "APIVersions", "versions": [CORE], "serverAddressByClientCIDRs": []}


def named_groups() -> dict[str, Any]:
    """``/apis``: all but the core group."""
    served = [_group(*each) for each in served_groups() if each[0]]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": served}


def group(name: str, version: str) -> dict[str, Any]:
    """``/apis/{group}``."""
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(name, version)}


def resources(api_version: str) -> dict[str, Any]:
    """``/api/v1`` and ``/apis/{group}/{version}``."""
    served = [_resource(kind) for kind in KINDS if kind.api_version == api_version]
    served += [_review(review) for review in REVIEWS.values() if review.api_version == api_version]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": api_version, "resources": served}


def version(program: str) -> dict[str, str]:
    """``/version``: of the Kubernetes API that is spoken, and of dnsguard."""
    return {"major": "1", "minor": "32", "gitVersion": f"v1.32.0+dnsguard-{program}", "dnsguard": program}


def _group(name: str, version: str) -> dict[str, Any]:
    served = {"groupVersion": f"{name}/{version}", "version": version}
    return {"name": name, "versions": [served], "preferredVersion": served}


def _review(review: Review) -> dict[str, Any]:
    return {
        "name": review.plural,
        "singularName": review.kind.lower(),
        "namespaced": False,
        "kind": review.kind,
        "verbs": ["create"],
    }


def _resource(kind: Kind) -> dict[str, Any]:
    return {
        "name": kind.plural,
        "singularName": kind.singular,
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": list(VERBS),
        "shortNames": list(kind.short_names),
        "categories": [name for name, belongs in _CATEGORIES.items() if belongs(kind)],
    }
