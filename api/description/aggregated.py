"""Discovery in one answer: all groups of ``/api`` or ``/apis`` with their kinds, for clients that ask for it."""

from typing import Any, Final

from dnsguard.api.description.discovery import resources, served_groups

_VERSIONS: Final = ("v2", "v2beta1")
_FORM: Final = "APIGroupDiscoveryList"


def asked_for(accept: str) -> str:
    """The version of the aggregated form that an ``Accept`` header names before any plain form; empty where none is."""
    for item in accept.replace(" ", "").split(","):
        name, *parameters = item.split(";")
        said = dict(parameter.split("=", 1) for parameter in parameters if "=" in parameter)
        if said.get("as") != _FORM:
            return ""
        if name == "application/json" and said.get("g") == "apidiscovery.k8s.io" and said.get("v") in _VERSIONS:
            return said["v"]
    return ""


def media_type(version: str) -> str:
    """Of the answer: clients know by it that they got what they asked for."""
    return f"application/json;g=apidiscovery.k8s.io;v={version};as={_FORM}"


def group_list(version: str, *, core: bool) -> dict[str, Any]:
    """The groups of ``/api`` (the core group alone), or those of ``/apis``."""
    items = [_group(*each) for each in served_groups() if (each[0] == "") is core]
    return {"kind": _FORM, "apiVersion": f"apidiscovery.k8s.io/{version}", "metadata": {}, "items": items}


def _group(name: str, version: str) -> dict[str, Any]:
    listed = resources(f"{name}/{version}" if name else version)["resources"]
    served = {
        "version": version,
        "resources": [_resource(each, name, version) for each in listed],
        "freshness": "Current",
    }
    return {"metadata": {"name": name, "creationTimestamp": None}, "versions": [served]}


def _resource(listed: dict[str, Any], group: str, version: str) -> dict[str, Any]:
    return {
        "resource": listed["name"],
        "responseKind": {"group": group, "version": version, "kind": listed["kind"]},
        "scope": "Namespaced" if listed["namespaced"] else "Cluster",
        "singularResource": listed["singularName"],
        "verbs": listed["verbs"],
    } | {key: listed[key] for key in ("shortNames", "categories") if key in listed}
