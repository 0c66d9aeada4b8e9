"""What a client asks first: which groups, versions and kinds there are."""

from typing import Any

from dnsguard.resources import KINDS, Kind
from dnsguard.resources.resource import CORE, PROJECTCALICO

VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")

GROUP = PROJECTCALICO.partition("/")[0]


def core_versions() -> dict[str, Any]:
    """``/api``."""
    return {"kind": "APIVersions", "versions": [CORE], "serverAddressByClientCIDRs": []}


def groups() -> dict[str, Any]:
    """``/apis``."""
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group()]}


def group() -> dict[str, Any]:
    """``/apis/{group}`` of the one group there is."""
    return {"kind": "APIGroup", "apiVersion": "v1", **_group()}


def resources(api_version: str) -> dict[str, Any]:
    """``/api/v1`` and ``/apis/{group}/{version}``."""
    served = [_resource(kind) for kind in KINDS if kind.api_version == api_version]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": api_version, "resources": served}


def version(program: str) -> dict[str, str]:
    """``/version``: of the Kubernetes API that is spoken, and of dnsguard."""
    return {"major": "1", "minor": "32", "gitVersion": f"v1.32.0+dnsguard-{program}", "dnsguard": program}


def _group() -> dict[str, Any]:
    served = {"groupVersion": PROJECTCALICO, "version": PROJECTCALICO.partition("/")[2]}
    return {"name": GROUP, "versions": [served], "preferredVersion": served}


def _resource(kind: Kind) -> dict[str, Any]:
    return {
        "name": kind.plural,
        "singularName": kind.singular,
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": list(VERBS),
        "shortNames": list(kind.short_names),
    }
