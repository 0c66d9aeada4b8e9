"""Schemas of what is no kind of its own, under Kubernetes' names: lists, statuses, patches, options of deletions."""

from collections.abc import Mapping
from typing import Any, Final

from dnsguard.resources.reading import Schema, list_of, string
from dnsguard.resources.schemas import META, REFERENCE

OWN: Final = "io.dnsguard.v1"
"""Before the names of schemas that Kubernetes has no word for."""

INT_OR_STRING: Final = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"

STATUS: Final = f"{META}.Status"
LIST_META: Final = f"{META}.ListMeta"
DELETE_OPTIONS: Final = f"{META}.DeleteOptions"
PATCH: Final = f"{META}.Patch"
JSON_PATCH: Final = f"{OWN}.JSONPatch"
WATCH_EVENT: Final = f"{META}.WatchEvent"
ENFORCEMENT: Final = f"{OWN}.Enforcement"
_CONDITION: Final = f"{META}.Condition"
_DETAILS: Final = f"{META}.StatusDetails"
_CAUSE: Final = f"{META}.StatusCause"
_PRECONDITIONS: Final = f"{META}.Preconditions"
_RESOURCE: Final = f"{META}.APIResource"
_GROUP: Final = f"{META}.APIGroup"
_GROUP_VERSION: Final = f"{META}.GroupVersionForDiscovery"
RESOURCE_LIST: Final = f"{META}.APIResourceList"
GROUP: Final = _GROUP
GROUP_LIST: Final = f"{META}.APIGroupList"
VERSIONS: Final = f"{META}.APIVersions"


def reference(name: str, description: str = "") -> Schema:
    """A reference to the schema of this name."""
    return {"$ref": REFERENCE + name} | ({"description": description} if description else {})


def _object(description: str, required: tuple[str, ...] = (), /, **properties: Schema) -> Schema:
    made: Schema = {"type": "object", "description": description, "properties": properties}
    return made | ({"required": list(required)} if required else {})


def _said(description: str, **more: Any) -> Schema:
    return string(description=description, **more)


def _of(kind: str) -> dict[str, Schema]:
    """What says of an object what it is."""
    return {"kind": _said(f"`{kind}`."), "apiVersion": _said("`v1`, or of the kind.")}


SCHEMAS: Final[Mapping[str, Schema]] = {
    LIST_META: _object(
        "`metadata` of a list.",
        resourceVersion=_said("The revision that the list is of: a watch from here on misses nothing."),
        **{"continue": _said("What asks for the next page; absent or empty on the last one.")},
        remainingItemCount={"type": "integer", "description": "How many objects the following pages hold."},
        selfLink=_said("Not set."),
    ),
    STATUS: _object(
        "How a request went: what every refusal says, and the deletion of an object.",
        ("kind", "apiVersion", "metadata", "status"),
        **_of("Status"),
        metadata=reference(LIST_META, "Empty."),
        status=_said("`Success` or `Failure`.", enum=["Success", "Failure"]),
        message=_said("What is wrong, and what to do next, for people."),
        reason=_said("What is wrong, in one word, for programs: `NotFound`, `Conflict`, `Invalid`, …"),
        code={"type": "integer", "description": "The HTTP status."},
        details=reference(_DETAILS, "What it is about, and everything that is wrong."),
    ),
    _DETAILS: _object(
        "What a status is about.",
        name=_said("Of the object."),
        group=_said("Of the kind."),
        kind=_said("Of the object."),
        uid=_said("Of the object."),
        causes=list_of(reference(_CAUSE), description="Everything that is wrong, each with its field."),
        retryAfterSeconds={"type": "integer", "description": "When to try again."},
    ),
    _CAUSE: _object(
        "One thing that is wrong.",
        reason=_said("The rule that is broken, as `dnsguard codes` explains them, or what it is about."),
        message=_said("What is wrong, and what to write instead."),
        field=_said("Where, as `spec.egress[0].destination.domains[1]`."),
    ),
    DELETE_OPTIONS: _object(
        "What a deletion asks for. What has no meaning here is taken and passed over.",
        kind=_said("`DeleteOptions`.", enum=["DeleteOptions"]),
        apiVersion=_said("`v1`, or of the kind."),
        preconditions=reference(_PRECONDITIONS, "What must hold of the object."),
        dryRun=list_of(string(enum=["All"]), description="`All`: answer as if it were done, and do nothing."),
        gracePeriodSeconds={"type": "integer", "description": "Passed over."},
        orphanDependents={"type": "boolean", "description": "Passed over."},
        propagationPolicy=_said(
            "Makes no difference: nothing is owned here.", enum=["Background", "Foreground", "Orphan"]
        ),
        ignoreStoreReadErrorWithClusterBreakingPotential={"type": "boolean", "description": "Passed over."},
    ),
    _PRECONDITIONS: _object(
        "What must hold of an object that is deleted.",
        uid=_said("It is this one, and no later one of its name."),
        resourceVersion=_said("Nobody has changed it since."),
    ),
    PATCH: {
        "type": "object",
        "description": "A part of an object: what is null is removed, mappings are merged, all else is replaced.",
    },
    JSON_PATCH: list_of(
        _object(
            "One operation.",
            ("op", "path"),
            op=_said("What is done.", enum=["add", "remove", "replace", "move", "copy", "test"]),
            path=_said("Where, as `/spec/allowedEgressDomains/-`.", pattern="^(/.*)?$"),
            value={"description": "What is added or compared."},
            **{"from": _said("Where it comes from, of `move` and `copy`.", pattern="^(/.*)?$")},
        ),
        description="Operations (RFC 6902), done one after another: all of them or none.",
        maxItems=10_000,
    ),
    WATCH_EVENT: _object(
        "One line of a watch.",
        ("type", "object"),
        type=_said("What happened.", enum=["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"]),
        object={
            "type": "object",
            "description": "As it is now, or was. Of a bookmark: its resourceVersion alone. Of an error: a Status.",
        },
    ),
    INT_OR_STRING: {
        "description": "A number or a text.",
        "format": "int-or-string",
        "oneOf": [{"type": "integer"}, {"type": "string"}],
    },
    _CONDITION: _object(
        "One thing that is so, or not.",
        ("type", "status"),
        type=_said("What it is about: `Enforced`."),
        status=_said("Whether it is so.", enum=["True", "False", "Unknown"]),
        reason=_said("Why, in one word."),
        message=_said("Why, for people."),
        observedGeneration={"type": "integer", "description": "The generation of the object that this is said of."},
        lastTransitionTime=_said("When it turned.", format="date-time"),
    ),
    ENFORCEMENT: _object(
        "What of the object is in force on this node; what is written here is passed over.",
        node=_said("The node that this is said of."),
        enforcedRevision=_said("The resourceVersion that is in force; absent where none is."),
        conditions=list_of(reference(_CONDITION), description="`Enforced`: whether the kernel does what is written."),
    ),
    _RESOURCE: _object(
        "One kind, as clients find it.",
        ("name", "singularName", "namespaced", "kind", "verbs"),
        name=_said("The plural, as in paths."),
        singularName=_said("As people type it."),
        namespaced={"type": "boolean", "description": "Whether its objects are in namespaces."},
        kind=_said("As in manifests."),
        group=_said("Of the kind, where it is another one than the list's."),
        version=_said("Of the kind, where it is another one than the list's."),
        verbs=list_of(string(), description="What can be done with its objects."),
        shortNames=list_of(string(), description="As people type it in haste."),
        categories=list_of(string(), description="Groups of kinds that it is listed with."),
    ),
    RESOURCE_LIST: _object(
        "The kinds of one group and version.",
        ("kind", "groupVersion", "resources"),
        **_of("APIResourceList"),
        groupVersion=_said("`GROUP/VERSION`."),
        resources=list_of(reference(_RESOURCE), description="The kinds."),
    ),
    _GROUP_VERSION: _object(
        "A version of a group.",
        ("groupVersion", "version"),
        groupVersion=_said("`GROUP/VERSION`."),
        version=_said("The version alone."),
    ),
    GROUP: _object(
        "A group of kinds.",
        ("name", "versions"),
        **_of("APIGroup"),
        name=_said("Of the group."),
        versions=list_of(reference(_GROUP_VERSION), description="Its versions."),
        preferredVersion=reference(_GROUP_VERSION, "The one to use."),
    ),
    GROUP_LIST: _object(
        "The groups there are, but the core group.",
        ("kind", "groups"),
        **_of("APIGroupList"),
        groups=list_of(reference(GROUP), description="The groups."),
    ),
    VERSIONS: _object(
        "The versions of the core group.",
        ("kind", "versions"),
        **_of("APIVersions"),
        versions=list_of(string(), description="The versions."),
        serverAddressByClientCIDRs=list_of({"type": "object"}, description="Empty."),
    ),
}
