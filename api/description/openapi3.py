"""OpenAPI v3 as Kubernetes serves it: a document for each group and version."""

import hashlib
from functools import cache
from typing import Any

from dnsguard.api.answers import as_json
from dnsguard.api.description.discovery import API_VERSIONS, root_of
from dnsguard.api.description.kindschemas import all_schemas, list_name
from dnsguard.api.description.metaschemas import (
    DELETE_OPTIONS,
    INT_OR_STRING,
    JSON_PATCH,
    PATCH,
    STATUS,
    WATCH_EVENT,
    reference,
)
from dnsguard.api.description.operations import operations
from dnsguard.resources import KINDS
from dnsguard.resources.reading import Schema
from dnsguard.resources.schemas import reachable, schema_name

_ALWAYS = (INT_OR_STRING, STATUS, DELETE_OPTIONS, PATCH, JSON_PATCH, WATCH_EVENT)


def index() -> dict[str, Any]:
    """``/openapi/v3``: where the documents are; the hash changes with the content."""
    urls = {root_of(each): f"/openapi/v3{root_of(each)}?hash={digest(each)}" for each in API_VERSIONS}
    return {"paths": {root.removeprefix("/"): {"serverRelativeURL": url} for root, url in urls.items()}}


@cache
def document(api_version: str) -> dict[str, Any]:
    """The document of one group and version."""
    kinds = [kind for kind in KINDS if kind.api_version == api_version]
    paths: dict[str, Any] = {}
    for operation in (each for kind in kinds for each in operations(kind)):
        paths.setdefault(operation.path, {})[operation.method] = operation.described
    known = all_schemas()
    roots = [*_ALWAYS, *map(schema_name, kinds), *map(list_name, kinds)]
    names = dict.fromkeys(name for root in roots for name in reachable(root, known))
    return {
        "openapi": "3.0.0",
        "info": {"title": "dnsguard", "version": api_version},
        "paths": paths,
        "components": {"schemas": {name: plain(known[name]) for name in names}},
    }


@cache
def digest(api_version: str) -> str:
    """Of the document: changes with it."""
    return tag_of(document(api_version))


def tag_of(value: Any) -> str:
    """Of any document."""
    return hashlib.sha256(as_json(value)).hexdigest()[:32]


def plain(value: Any) -> Any:
    """A schema in the dialect that Kubernetes' clients read: a reference has nothing beside it, null is not said, and
    unknown fields are not forbidden, for ``fieldValidation`` decides of them."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "$ref" in value and len(value) > 1:
        return {"allOf": [{"$ref": value["$ref"]}]} | _kept(value)
    if value.get("x-kubernetes-int-or-string"):  # under this name clients know it
        return {"allOf": [reference(INT_OR_STRING)]} | _kept(value)
    if (given := _nullable(value)) is not None:
        return plain({**given, **{key: item for key, item in value.items() if key != "anyOf"}})
    made = {key: plain(item) for key, item in value.items() if key != "additionalProperties" or isinstance(item, dict)}
    if made.get("type") == "array":
        made["x-kubernetes-list-type"] = "atomic"
    return made


def _kept(value: Schema) -> Schema:
    return {key: value[key] for key in ("description", "readOnly", "default") if key in value}


def _nullable(value: Schema) -> Schema | None:
    """What stands beside null."""
    match value.get("anyOf"):
        case [dict() as given, {"type": "null"}]:
            return given
    return None
