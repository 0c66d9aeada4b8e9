"""What an earlier apply of the same applyset brought, and is in its files no more."""

from collections.abc import Collection, Iterator
from http import HTTPStatus
from typing import Any

from dnsguard.cli.names import METADATA
from dnsguard.cli.sending import APPLYSET, MANAGER, PRUNED, Applied
from dnsguard.cli.server import Object, Server, ServerError, object_path
from dnsguard.resources import KINDS, Kind

Identity = tuple[Kind, str, str]
"""Kind, namespace, name."""


class LeftOver:
    """Finds objects of an applyset that are not to be kept."""

    def __init__(self, server: Server, applyset: str, kept: Collection[Identity]) -> None:
        self._server = server
        self._asked = {"labelSelector": f"{APPLYSET}={applyset}"}
        self._kept = kept
        self._namespaces = sorted({namespace for _, namespace, _ in kept if namespace})
        self.unseen: list[str] = []
        """Kinds that who asks may not list: of these nothing is found."""

    def found(self) -> Iterator[tuple[Identity, Object]]:
        """What refers to others first; with their metadata. Raises ServerError.

        Only what an apply has put there: the label alone proves nothing, since who copies an object copies it.
        """
        for kind in reversed(KINDS):
            for metadata in self._listed(kind):
                identity = kind, metadata.get("namespace", ""), metadata["name"]
                if identity not in self._kept and was_applied(metadata):
                    yield identity, metadata

    def _listed(self, kind: Kind) -> list[Object]:
        """Those of all namespaces; for who may not list these, of the namespaces that are in the files."""
        found = self._in(kind, "")
        if found is None and kind.namespaced:
            parts = [self._in(kind, namespace) for namespace in self._namespaces]
            found = None if None in parts or not parts else [item for part in parts for item in part or ()]
        if found is None:
            self.unseen.append(kind.collection)
        return found or []

    def _in(self, kind: Kind, namespace: str) -> list[Object] | None:
        """None where who asks may not know."""
        try:
            answer = self._server.get(object_path(kind, namespace), self._asked, accept=METADATA)
        except ServerError as error:
            if error.status == HTTPStatus.FORBIDDEN:
                return None
            raise
        return [item["metadata"] for item in answer.get("items") or ()]


def pruned(server: Server, identity: Identity, metadata: Object, *, dry_run: bool) -> Applied | None:
    """Delete one object, as it was found; None where it is gone already. Raises ServerError."""
    kind, namespace, name = identity
    path = object_path(kind, namespace, name)
    before = server.find(path)
    if before is None or before["metadata"].get("uid") != metadata.get("uid"):
        return None
    options = {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "preconditions": {"uid": metadata["uid"], "resourceVersion": before["metadata"]["resourceVersion"]},
    }
    try:
        server.send("DELETE", path, options, {"dryRun": "All"} if dry_run else None)
    except ServerError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            return None
        # a dry run leaves what is in a tier or namespace, and so cannot say that these could go after it
        if not (dry_run and {cause.code for cause in error.causes} == {"V-23"}):
            raise
    return Applied(kind, namespace, name, PRUNED, before, None)


def was_applied(metadata: Object) -> bool:
    """Whether it was an apply that set the label of the applyset."""
    return any(
        entry.get("manager") == MANAGER and f"f:{APPLYSET}" in _labels_of(entry)
        for entry in metadata.get("managedFields") or ()
    )


def _labels_of(entry: dict[str, Any]) -> dict[str, Any]:
    fields = entry.get("fieldsV1") or {}
    labels = (fields.get("f:metadata") or {}).get("f:labels") or {}
    return labels if isinstance(labels, dict) else {}
