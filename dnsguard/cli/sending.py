"""One object of a manifest, brought to the server."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from dnsguard.cli.server import Object, Server, ServerError, object_path
from dnsguard.resources import Kind, kind_of_resource

if TYPE_CHECKING:
    from dnsguard.resources.manifest import Document

APPLYSET: Final = "dnsguard.io/applyset"
"""Label: which applyset an object came with. An apply that names no set leaves it as it is."""

MANAGER: Final = "dnsguard-apply"
"""Who the server takes for the owner of what an apply sets."""

CREATED, CONFIGURED, UNCHANGED, PRUNED = "created", "configured", "unchanged", "pruned"

_ATTEMPTS = 4


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of one object, or would become of it."""

    kind: Kind
    namespace: str
    name: str
    outcome: str
    before: Object | None = field(repr=False)
    """None: there was none."""

    after: Object | None = field(repr=False)
    """None: there is none any more."""

    warnings: tuple[str, ...] = ()

    @property
    def called(self) -> str:
        """As `Kind.called` has it."""
        return self.kind.called(self.name)

    @property
    def changes(self) -> bool:
        return self.outcome != UNCHANGED


class OfAnotherSet(ServerError):
    """The object came with another applyset: two would take it from each other for ever."""

    def __init__(self, owner: str, applyset: str) -> None:
        super().__init__(
            HTTPStatus.CONFLICT,
            f"it belongs to the applyset {owner!r}, not to {applyset!r}: take it out of that one's files and apply them"
            f" with --prune, or take its label {APPLYSET} away",
        )


class Applier:
    """Applies documents to one server."""

    def __init__(self, server: Server, *, dry_run: bool, applyset: str = "") -> None:
        """``applyset``: what its objects are to belong to; empty for none."""
        self._server = server
        self._parameters = {"fieldManager": MANAGER} | ({"dryRun": "All"} if dry_run else {})
        self._applyset = applyset

    def apply(self, document: "Document") -> Applied:
        """Create the object, or put what was written in the place of what there is. Raises ServerError.

        An object that somebody else changes meanwhile is read and sent again, unless the manifest names its
        resourceVersion: then that conflict is the answer.
        """
        resource = document.resource
        kind, namespace = kind_of_resource(resource), resource.namespace
        path = object_path(kind, namespace, resource.name)
        wanted = self._wanted(document.data, namespace)
        for attempt in range(1, _ATTEMPTS + 1):
            live = self._server.find(path)
            try:
                if live is None:
                    after, warnings = self._server.send("POST", object_path(kind, namespace), wanted, self._parameters)
                    return Applied(kind, namespace, resource.name, CREATED, None, after, warnings)
                after, warnings = self._server.send("PUT", path, self._over(live, wanted), self._parameters)
            except ServerError as error:
                pinned = resource.metadata.resource_version is not None
                if error.status != HTTPStatus.CONFLICT or error.causes or pinned or attempt == _ATTEMPTS:
                    raise
            else:
                outcome = UNCHANGED if content(live) == content(after) else CONFIGURED
                return Applied(kind, namespace, resource.name, outcome, live, after, warnings)
        raise AssertionError  # the last attempt returns or raises

    def _wanted(self, data: Mapping[str, Any], namespace: str) -> Object:
        metadata = dict(data["metadata"])
        if namespace:
            metadata["namespace"] = namespace
        labels = dict(metadata.get("labels") or {})
        if labels.pop(APPLYSET, None) is not None or self._applyset:  # what a manifest says of it was copied
            metadata["labels"] = labels | ({APPLYSET: self._applyset} if self._applyset else {})
        return {**data, "metadata": metadata}

    def _over(self, live: Object, wanted: Object) -> Object:
        """The wanted object, with what the server keeps of the live one; a resourceVersion that was written stays.

        Raises OfAnotherSet.
        """
        from dnsguard.resources.metadata import SERVER_SET

        kept = {field: live["metadata"][field] for field in SERVER_SET if field in live["metadata"]}
        written = {field: value for field, value in wanted["metadata"].items() if value is not None}
        version = written.get("resourceVersion", kept.get("resourceVersion"))
        metadata = {**written, **kept}
        if version is not None:
            metadata["resourceVersion"] = version
        owner = (live["metadata"].get("labels") or {}).get(APPLYSET, "")
        if owner and self._applyset and owner != self._applyset:
            raise OfAnotherSet(owner, self._applyset)
        if owner and not self._applyset:
            metadata["labels"] = {APPLYSET: owner, **(metadata.get("labels") or {})}
        return {**wanted, "metadata": metadata}


def content(value: Object) -> Object:
    """An object without what changes when nothing changes."""
    from dnsguard.resources.metadata import SERVER_SET

    metadata = {field: inner for field, inner in value["metadata"].items() if field not in SERVER_SET}
    return {**{field: inner for field, inner in value.items() if field != "status"}, "metadata": metadata}
