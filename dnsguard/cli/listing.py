"""Objects of one kind as a client sees them: listed in pages, then followed for as long as it takes."""

import sys
import time
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

from dnsguard.cli.server import Object, Server, ServerError, UnreachableError, object_path
from dnsguard.resources import Kind

CHUNK: Final = 500
"""Objects of a page, as kubectl asks for."""

FIRST_PAUSE: Final = 0.2
LONGEST_PAUSE: Final = 3.0
"""Seconds between two attempts to reach a server that went away."""


def listed(
    server: Server, kind: Kind, namespace: str, choosing: Mapping[str, str], chunk: int = CHUNK
) -> tuple[list[Object], str]:
    """All objects at one revision, and that revision. Raises ServerError, UnreachableError."""
    values: list[Object] = []
    parameters = {**choosing} | ({"limit": str(chunk)} if chunk else {})
    while True:
        try:
            answer = server.get(object_path(kind, namespace), parameters)
        except ServerError as error:
            if error.status != HTTPStatus.GONE or not values:
                raise
            return listed(server, kind, namespace, choosing, 0)  # the revision was forgotten between two pages
        values += ({"apiVersion": kind.api_version, "kind": kind.kind, **item} for item in answer.get("items") or ())
        metadata = answer.get("metadata") or {}
        if not (token := metadata.get("continue")):
            return values, str(metadata.get("resourceVersion", ""))
        parameters["continue"] = token


class Following:
    """What becomes of objects that were listed; a server that restarts is waited for, and nothing is missed."""

    def __init__(
        self,
        server: Server,
        kind: Kind,
        namespace: str,
        name: str | None,
        choosing: Mapping[str, str],
        show: Callable[[Kind, str, Object], None],
    ) -> None:
        """``name``: only of that object. ``show`` is told what happened: `ADDED`, `MODIFIED`, `DELETED`."""
        self._server = server
        self._kind = kind
        self._path = object_path(kind, namespace)
        self._namespace = namespace
        self._choosing = {"fieldSelector": f"metadata.name={name}"} if name is not None else dict(choosing)
        self._show = show
        self._known: dict[tuple[str, str], Object] = {}
        self._version = ""

    def run(self, values: Iterable[Object], version: str) -> None:
        """Follow until interrupted. ``values``: what was shown, as of ``version``. Raises CommandError."""
        self._known = {_identity(value): value for value in values}
        self._version = version
        pause = 0.0
        while True:
            try:
                if not self._version:
                    self._list_again()
                for event in self._server.watch(
                    self._path, {**self._choosing, "resourceVersion": self._version, "allowWatchBookmarks": "true"}
                ):
                    pause = 0.0
                    self._take(event)
            except ServerError as error:
                if error.status != HTTPStatus.GONE:
                    raise
                self._version = ""
            except UnreachableError as error:
                if not pause:
                    print(f"dnsguard get: {error} Waiting for it.", file=sys.stderr, flush=True)
                pause = min(max(pause * 2, FIRST_PAUSE), LONGEST_PAUSE)
                time.sleep(pause)

    def _take(self, event: Mapping[str, Any]) -> None:
        value: Object = event["object"]
        if event["type"] == "ERROR":
            raise ServerError(int(value.get("code", 0)), str(value.get("message", "the watch ended")))
        self._version = str(value.get("metadata", {}).get("resourceVersion", self._version))
        if event["type"] != "BOOKMARK":
            self._tell(event["type"], value)

    def _list_again(self) -> None:
        """The server has forgotten what happened since: compare what there is with what was shown."""
        values, self._version = listed(self._server, self._kind, self._namespace, self._choosing)
        now = {_identity(value): value for value in values}
        for identity, value in list(self._known.items()):
            if identity not in now:
                self._tell("DELETED", value)
        for identity, value in now.items():
            before = self._known.get(identity)
            if before is None:
                self._tell("ADDED", value)
            elif before != value:
                self._tell("MODIFIED", value)

    def _tell(self, event: str, value: Object) -> None:
        if event == "DELETED":
            self._known.pop(_identity(value), None)
        else:
            self._known[_identity(value)] = value
        self._show(self._kind, event, value)


def _identity(value: Object) -> tuple[str, str]:
    metadata = value["metadata"]
    return metadata.get("namespace", ""), metadata["name"]
