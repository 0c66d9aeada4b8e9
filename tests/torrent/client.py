"""One who speaks to the API of a dnsguard that is being restarted: asks again until it is answered."""

import http.client
import json
import socket
import time
from types import TracebackType
from typing import Any, Self

from tests.support.lab.guard import Guard, GuardError, Manifest, collection

_PATIENCE = 60.0
_PAUSE = 0.05
_WAIT = 10.0

_GONE = http.client.NOT_FOUND
_THERE = http.client.CONFLICT


class Client:
    """For one thread, and a context manager. Objects are created, changed and deleted; each says to which revision of
    the store that led."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._connection: http.client.HTTPConnection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hang_up()

    def create(self, manifest: Manifest) -> int:
        return self._sent("POST", _path(manifest), manifest, _THERE)

    def change(self, manifest: Manifest) -> int:
        """Its labels, of which those that are to go are None, and its spec."""
        changed = {"metadata": {"labels": manifest["metadata"]["labels"]}, "spec": manifest["spec"]}
        return self._sent("PATCH", f"{_path(manifest)}/{manifest['metadata']['name']}", changed)

    def delete(self, manifest: Manifest) -> int:
        return self._sent("DELETE", f"{_path(manifest)}/{manifest['metadata']['name']}", None, _GONE)

    def await_enforced(self, revision: int) -> None:
        """Until the kernel holds that revision."""
        give_up = time.monotonic() + _PATIENCE
        while self._answered("GET", "/v1/status", None)[1]["enforcedRevision"] < revision:
            if time.monotonic() > give_up:
                raise GuardError(f"revision {revision} is not enforced\n{self._guard.tail()}")

    def _sent(self, method: str, path: str, body: Any, also_good: int = 0) -> int:
        status, answer = self._answered(method, path, body)
        if status >= http.client.BAD_REQUEST and status != also_good:
            raise GuardError(f"{method} {path}: {status} {answer}")
        return int(answer.get("metadata", {}).get("resourceVersion") or 0)

    def _answered(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Asks again where nobody answers, or says that it cannot now."""
        give_up = time.monotonic() + _PATIENCE
        while True:
            try:
                answer = self._asked(method, path, body)
            except (OSError, http.client.HTTPException) as error:
                self._hang_up()
                problem = repr(error)
            else:
                if answer[0] < http.client.INTERNAL_SERVER_ERROR:
                    return answer
                problem = f"{answer[0]} {answer[1]}"
            if time.monotonic() > give_up:
                raise GuardError(f"{method} {path}: {problem}\n{self._guard.tail()}")
            time.sleep(_PAUSE)

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _asked(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        if self._connection is None:
            self._connection = http.client.HTTPConnection("localhost", timeout=_WAIT)
            self._connection.sock = socket.socket(socket.AF_UNIX)
            self._connection.sock.settimeout(_WAIT)
            self._connection.sock.connect(str(self._guard.socket))
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        headers = {"Content-Type": kind}
        self._connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = self._connection.getresponse()
        return answer.status, json.loads(answer.read() or b"null")


def _path(manifest: Manifest) -> str:
    return collection(manifest["kind"], manifest["metadata"].get("namespace", ""))
