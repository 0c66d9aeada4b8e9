"""What can be done with a kind, operation by operation, as OpenAPI describes it."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from dnsguard.api.description.discovery import root_of
from dnsguard.api.description.kindschemas import identity, list_name
from dnsguard.api.description.metaschemas import DELETE_OPTIONS, JSON_PATCH, PATCH, STATUS, reference
from dnsguard.api.kinds import APPLY, PATCHES
from dnsguard.api.writing.deletions import PROPAGATION
from dnsguard.resources import Kind
from dnsguard.resources.reading import Schema, string
from dnsguard.resources.schemas import schema_name

Described = dict[str, Any]
"""A part of an OpenAPI document."""

TYPES: Final = ("application/json", "application/yaml")
"""Media types of bodies and answers."""


class Operation(NamedTuple):
    """One method of one path."""

    path: str
    method: str
    described: Described


def parameter(name: str, description: str, schema: Schema, place: str = "query") -> Described:
    """A parameter; one of a path is always required."""
    described: Described = {"name": name, "in": place, "description": description, "schema": schema}
    return described | ({"required": True} if place == "path" else {})


def content(schema: Schema, types: tuple[str, ...] = TYPES) -> Described:
    """A body of any of these types."""
    return {each: {"schema": schema} for each in types}


_BOOLEAN: Final = {"type": "boolean"}
_NUMBER: Final = {"type": "integer", "minimum": 0}

NAMESPACE: Final = parameter("namespace", "The namespace.", string(minLength=1), "path")
NAME: Final = parameter("name", "The name of the object.", string(minLength=1), "path")

_SELECTORS: Final = (
    parameter("labelSelector", "Only objects with such labels: `app=web,env in (prod,test),!old`.", string()),
    parameter("fieldSelector", "Only objects with such fields: `metadata.name=x`, `spec.tier=security`.", string()),
)
_INCLUDE: Final = parameter(
    "includeObject", "Of a table: what a row carries of its object.", string(enum=["None", "Metadata", "Object"])
)
_LIST: Final = (
    *_SELECTORS,
    _INCLUDE,
    parameter("limit", "At most so many objects; `metadata.continue` of the answer asks for the next ones.", _NUMBER),
    parameter("continue", "What the page before said there.", string()),
    parameter("resourceVersion", "Of a list: at least this revision. Of a watch: what came after it.", string()),
    parameter("resourceVersionMatch", "How resourceVersion is meant.", string(enum=["Exact", "NotOlderThan"])),
    parameter("watch", "Not a list, but its changes from now on, one JSON event a line.", _BOOLEAN),
    parameter("allowWatchBookmarks", "Say from time to time up to which revision a watch has seen all.", _BOOLEAN),
    parameter("sendInitialEvents", "Begin a watch with what there is.", _BOOLEAN),
    parameter("timeoutSeconds", "End a watch after so long.", _NUMBER),
)
_DRY_RUN: Final = parameter("dryRun", "`All`: answer as if it were done, and do nothing.", string(enum=["All"]))
_MANAGER: Final = parameter("fieldManager", "Who sets the fields.", string(minLength=1, maxLength=128))
_VALIDATION: Final = parameter(
    "fieldValidation",
    "What becomes of unknown fields and of those that stand there twice: `Strict` (if nothing is said) refuses them,"
    " `Warn` and `Ignore` leave them out, with a warning for each.",
    string(enum=["Strict", "Warn", "Ignore"]),
)
_WRITE: Final = (_DRY_RUN, _MANAGER, _VALIDATION)
_FORCE: Final = parameter("force", "Of server-side apply: take fields over from other managers.", _BOOLEAN)
_DELETE: Final = (
    _DRY_RUN,
    parameter("gracePeriodSeconds", "Passed over.", string()),
    parameter("propagationPolicy", "Passed over.", string(enum=list(PROPAGATION))),
)
_DELETE_MANY: Final = (
    *_DELETE,
    parameter("limit", "Remove at most so many; `metadata.remainingItemCount` says how many are left.", _NUMBER),
)


def collection_of(kind: Kind) -> str:
    """Where objects of a kind are, as a template."""
    scope = "namespaces/{namespace}/" if kind.namespaced else ""
    return f"{root_of(kind.api_version)}/{scope}{kind.plural}"


def path_of(kind: Kind) -> str:
    """Where one object is, as a template."""
    return f"{collection_of(kind)}/{{name}}"


def operations(kind: Kind) -> Iterator[Operation]:
    """All that can be done with a kind."""
    one, many = reference(schema_name(kind)), reference(list_name(kind))
    collection, path = collection_of(kind), path_of(kind)
    scope = (NAMESPACE,) if kind.namespaced else ()
    if kind.namespaced:
        everywhere = f"{root_of(kind.api_version)}/{kind.plural}"
        yield _operation(kind, everywhere, "get", "list", f"List {kind.plural} of all namespaces", _LIST, many)
    yield _operation(kind, collection, "get", "list", f"List {kind.plural}", (*scope, *_LIST), many)
    yield _operation(kind, collection, "post", "post", f"Create a {kind.kind}", (*scope, *_WRITE), one, one, made=True)
    yield _operation(
        kind, collection, "delete", "deletecollection", f"Delete {kind.plural} that selectors choose",
        (*scope, *_SELECTORS, *_DELETE_MANY), many, reference(DELETE_OPTIONS),
    )  # fmt: skip
    named = (*scope, NAME)
    yield _operation(kind, path, "get", "get", f"One {kind.kind}", (*named, _INCLUDE), one)
    yield _operation(kind, path, "put", "put", f"Replace a {kind.kind}", (*named, *_WRITE), one, one)
    patched = _operation(
        kind, path, "patch", "patch", f"Change a part of a {kind.kind}", (*named, *_WRITE, _FORCE), one
    )
    patched.described["responses"]["201"] = patched.described["responses"]["200"] | {"description": "Applied, and new."}
    patched.described["requestBody"] = {"required": True, "content": {each: _patch(each) for each in (*PATCHES, APPLY)}}
    yield patched
    yield _operation(
        kind, path, "delete", "delete", f"Delete a {kind.kind}", (*named, *_DELETE), reference(STATUS),
        reference(DELETE_OPTIONS),
    )  # fmt: skip


def _operation(
    kind: Kind,
    path: str,
    method: str,
    action: str,
    summary: str,
    parameters: tuple[Described, ...],
    answer: Schema,
    body: Schema | None = None,
    *,
    made: bool = False,
) -> Operation:
    described: Described = {
        "operationId": _identifier(kind, path, action),
        "summary": summary,
        "tags": [kind.api_version],
        "parameters": list(parameters),
        "responses": {"201" if made else "200": {"description": "Done.", "content": content(answer)}},
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": identity(kind),
    }
    if made:
        described["responses"]["200"] = described["responses"]["201"] | {"description": "A dry run of it."}
    if body is not None:
        described["requestBody"] = {"required": method != "delete", "content": content(body)}
    return Operation(path, method, described)


def _identifier(kind: Kind, path: str, action: str) -> str:
    """Unique: ``deletecollectionProjectcalicoOrgV3NamespacedNetworkPolicy``."""
    group = (
        "".join(part.capitalize() for part in kind.api_version.replace("/", ".").split(".")) if kind.group else "CoreV1"
    )
    scope = "Namespaced" if "{namespace}" in path else "AllNamespaces" if kind.namespaced else ""
    return f"{action}{group}{scope}{kind.kind}"


def _patch(media_type: str) -> Described:
    return {"schema": reference(JSON_PATCH if "json-patch" in media_type else PATCH)}
