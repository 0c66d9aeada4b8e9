"""Schemas of kinds and of their lists, as the API answers with them."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from dnsguard.api.description.metaschemas import ENFORCEMENT, LIST_META, SCHEMAS, reference
from dnsguard.resources import KINDS, Kind
from dnsguard.resources.apiversions import NETWORKING, PROJECTCALICO
from dnsguard.resources.reading import Schema, list_of, string
from dnsguard.resources.schemas import schema_name, schemas


@cache
def all_schemas() -> Mapping[str, Schema]:
    """Name → schema, of kinds, lists, and all that they refer to, in the dialect of 2020-12."""
    made = {**SCHEMAS, **schemas()}
    for kind in KINDS:
        name = schema_name(kind)
        enforced = kind.api_version in (PROJECTCALICO, NETWORKING)
        made[name] = (_with_status(made[name]) if enforced else made[name]) | {
            "x-kubernetes-group-version-kind": [identity(kind)]
        }
        made[list_name(kind)] = _list(kind)
    return made


def list_name(kind: Kind) -> str:
    """What the schema of a list is called."""
    return f"{schema_name(kind)}List"


def identity(kind: Kind) -> dict[str, str]:
    """What ``x-kubernetes-group-version-kind`` says of a kind."""
    return {"group": kind.group, "version": kind.version, "kind": kind.kind}


def _with_status(schema: Schema) -> Schema:
    """What is enforced has a status that is worked out when an object is read, whatever is written there."""
    properties: dict[str, Any] = schema["properties"]
    status = reference(ENFORCEMENT, "Set by the server.") | {"readOnly": True}
    return {**schema, "properties": {**properties, "status": status}}


def _list(kind: Kind) -> Schema:
    return {
        "type": "object",
        "description": f"Objects of kind {kind.kind}.",
        "required": ["items"],
        "properties": {
            "apiVersion": string(enum=[kind.api_version], description="Group and version of the kind."),
            "kind": string(enum=[f"{kind.kind}List"], description="What this is."),
            "metadata": reference(LIST_META, "Which revision, and whether there is more."),
            "items": list_of(reference(schema_name(kind)), description="The objects."),
        },
        "x-kubernetes-group-version-kind": [{**identity(kind), "kind": f"{kind.kind}List"}],
    }
