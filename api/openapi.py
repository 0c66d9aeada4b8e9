"""OpenAPI v3 as Kubernetes serves it: a document for each group and version, as far as ``kubectl`` needs it."""

import hashlib
from typing import Any

from api.answers import as_json
from api.discovery import API_VERSIONS, root_of
from dnsguard.resources import KINDS, Kind


def index() -> dict[str, Any]:
    """``/openapi/v3``: where the documents are; the hash changes with the content."""
    urls = {root_of(each): f"/openapi/v3{root_of(each)}?hash={_hash(each)}" for each in API_VERSIONS}
    return {"paths": {root.removeprefix("/"): {"serverRelativeURL": url} for root, url in urls.items()}}


def document(api_version: str) -> dict[str, Any]:
    """The document of one group and version."""
    kinds = [kind for kind in KINDS if kind.api_version == api_version]
    return {
        "openapi": "3.0.0",
        "info": {"title": "dnsguard", "version": api_version},
        "paths": {path_of(kind): _operations(kind) for kind in kinds},
        "components": {"schemas": {_schema_name(kind): _schema(kind) for kind in kinds}},
    }


def path_of(kind: Kind) -> str:
    """Where objects of a kind are, as a template."""
    scope = "namespaces/{namespace}/" if kind.namespaced else ""
    return f"{root_of(kind.api_version)}/{scope}{kind.plural}/{{name}}"


def identity(kind: Kind) -> dict[str, str]:
    """What ``x-kubernetes-group-version-kind`` says of a kind."""
    return {"group": kind.group, "version": kind.version, "kind": kind.kind}


def _hash(api_version: str) -> str:
    return hashlib.sha256(as_json(document(api_version))).hexdigest()[:32]


def _schema_name(kind: Kind) -> str:
    package = ".".join(reversed(kind.group.split("."))) if kind.group else "io.k8s.api.core"
    return f"{package}.{kind.version}.{kind.kind}"


def _schema(kind: Kind) -> dict[str, Any]:
    """The envelope. What stands in ``spec`` is checked by the server, which names every field that is wrong."""
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    properties: dict[str, Any] = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": anything}
    properties |= {field: anything for field in ("spec", "status") if field in kind.model.model_fields}
    return {"type": "object", "properties": properties, "x-kubernetes-group-version-kind": [identity(kind)]}


def _operations(kind: Kind) -> dict[str, Any]:
    described = {
        "x-kubernetes-group-version-kind": identity(kind),
        "parameters": [
            {"name": name, "in": "query", "schema": {"type": "string"}}
            for name in ("dryRun", "fieldManager", "fieldValidation")
        ],
        "responses": {"200": {"description": "OK"}},
    }
    return {method: {**described, "x-kubernetes-action": method} for method in ("put", "patch", "delete", "get")}
