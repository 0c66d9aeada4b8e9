"""The admin API as a client sees it: requests, answers, errors."""

import argparse
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import quote

from dnsguard.cli.access import Access, access_of
from dnsguard.cli.errors import BAD_INPUT, FORBIDDEN, REFUSED, UNREACHABLE, CommandError, UsageError
from dnsguard.cli.transport import Address, BadAddress, NoAnswer, Reply, Transport
from dnsguard.locations import CA_FILE
from dnsguard.resources import Cause, Kind

Object = dict[str, Any]

TIMEOUT = 30.0

_EXIT_CODES: Mapping[int, int] = {
    HTTPStatus.BAD_REQUEST: BAD_INPUT,
    HTTPStatus.UNPROCESSABLE_ENTITY: BAD_INPUT,
    HTTPStatus.UNAUTHORIZED: FORBIDDEN,
    HTTPStatus.FORBIDDEN: FORBIDDEN,
}
_WARNING = re.compile(r'299 \S+ "((?:[^"\\]|\\.)*)"')


class ServerError(CommandError):
    """The server refused a request, in its own words."""

    def __init__(self, status: int, message: str, causes: tuple[Cause, ...] = ()) -> None:
        self.status = status
        self.causes = causes
        """What is wrong with the object, field by field; empty where it is something else."""
        self.exit_code = _EXIT_CODES.get(status, REFUSED)
        super().__init__(message)

    def said_of(self, subject: str) -> str:
        """The server's words with what they are about before them, unless they name it: what is not there they do."""
        return str(self) if self.status == HTTPStatus.NOT_FOUND else f"{subject}: {self}"


class UnreachableError(CommandError):
    """Nothing answers at the server's address."""

    exit_code = UNREACHABLE


class Server:
    """A connection to one server. Every method raises ServerError and UnreachableError."""

    def __init__(self, access: Access) -> None:
        """Raises UsageError where the server's name, or a file of certificates, cannot be used."""
        self._access = access
        headers = {"Accept": "application/json", "User-Agent": "dnsguard"}
        if access.token:
            headers["Authorization"] = f"Bearer {access.token}"
        try:
            address = Address(socket=str(access.socket)) if access.socket else Address.of(access.url)
        except BadAddress as error:
            raise UsageError(f"--server {access.url}: {error}") from None
        self._transport = Transport(address, headers, TIMEOUT, access.context())

    @classmethod
    def of(cls, arguments: argparse.Namespace, environ: Mapping[str, str] = os.environ) -> Self:
        """The server that flags and environment name. Raises UsageError."""
        return cls(access_of(arguments, environ))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._transport.close()

    def get(self, path: str, parameters: Mapping[str, str] | None = None, accept: str = "application/json") -> Any:
        """What is at a path."""
        return self._answer("GET", path, parameters, headers={"Accept": accept})[0]

    def find(self, path: str) -> Object | None:
        """The object at a path, or None where there is none."""
        try:
            found: Object = self.get(path)
        except ServerError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise
        return found

    def send(
        self,
        method: str,
        path: str,
        body: Any,
        parameters: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> tuple[Any, tuple[str, ...]]:
        """Send an object, or a patch: the answer, and what the server warns about."""
        return self._answer(method, path, parameters, json.dumps(body).encode(), {"Content-Type": content_type})

    def delete(self, path: str, parameters: Mapping[str, str] | None = None) -> None:
        """Delete the object at a path."""
        self._answer("DELETE", path, parameters)

    def watch(self, path: str, parameters: Mapping[str, str]) -> Iterator[Object]:
        """Events as they happen, until the server ends the stream."""
        return map(json.loads, self.lines(path, {**parameters, "watch": "true"}))

    def lines(self, path: str, parameters: Mapping[str, str], begun: Callable[[], None] | None = None) -> Iterator[str]:
        """Lines as they come, until the server ends the stream. Empty ones are left out. ``begun`` is called when the
        server has begun to answer."""
        try:
            with self._transport.stream(path, parameters) as stream:
                if stream.status >= HTTPStatus.BAD_REQUEST:
                    raise self._refused(stream.whole())
                if begun is not None:
                    begun()
                yield from filter(str.strip, stream.lines())
        except NoAnswer as error:
            raise self._unreachable(error) from None

    def _answer(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, str] | None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[Any, tuple[str, ...]]:
        try:
            reply = self._transport.exchange(method, path, parameters, body, headers)
        except NoAnswer as error:
            raise self._unreachable(error) from None
        if reply.status >= HTTPStatus.BAD_REQUEST:
            raise self._refused(reply)
        try:
            value = json.loads(reply.body)
        except ValueError:
            raise ServerError(reply.status, f"{self._name}{path} answers what is no JSON") from None
        warnings = ",".join(reply.headers.get_all("warning") or ())
        return value, tuple(re.sub(r"\\(.)", r"\1", text) for text in _WARNING.findall(warnings))

    @property
    def _name(self) -> str:
        return str(self._access.socket or self._access.url)

    def _unreachable(self, error: NoAnswer) -> UnreachableError:
        if advice := _advice(str(error), self._access):
            return UnreachableError(f"{self._name}: {advice}")
        return UnreachableError(
            f"{self._name} does not answer ({error}){self._access.hint}: is `dnsguard run` running there?"
        )

    def _refused(self, reply: Reply) -> ServerError:
        error = _refusal(reply)
        if error.status == HTTPStatus.UNAUTHORIZED and self._access.token_origin:
            return ServerError(error.status, f"{error} (it is from {self._access.token_origin})")
        return error


def _advice(reason: str, access: Access) -> str:
    """What to do where there was a connection, and no understanding; empty where it is something else."""
    if reason.startswith("its certificate is not trusted"):
        signer = access.authority or "the authorities that the system trusts"
        return (
            f"{reason}, asked {signer}; name with --certificate-authority who signs it (`{CA_FILE}` in the server's"
            " state directory), and the server as its certificate has it"
        )
    if "WRONG_VERSION_NUMBER" in reason or "RECORD_LAYER_FAILURE" in reason:
        return "speaks no TLS: write http:// if that is wanted"
    if access.url.startswith("http:") and access.socket is None and "without response" in reason:
        return "ended the connection without an answer: if it speaks TLS, write https://"
    if access.certificate is not None and ("without response" in reason or "reset" in reason or "ALERT" in reason):
        return f"ended the connection ({reason}): is {access.certificate} signed as its api_client_ca_file asks?"
    return ""


def object_path(kind: Kind, namespace: str, name: str = "") -> str:
    """Where an object, or the list of them, is served. An empty namespace means all of them."""
    base = f"/apis/{kind.api_version}" if kind.group else f"/api/{kind.api_version}"
    scope = f"/namespaces/{quote(namespace, safe='')}" if kind.namespaced and namespace else ""
    return f"{base}{scope}/{kind.plural}" + (f"/{quote(name, safe='')}" if name else "")


def _refusal(reply: Reply) -> ServerError:
    """The error that a Kubernetes Status describes."""
    try:
        status = json.loads(reply.body)
    except ValueError:
        status = None
    if not isinstance(status, dict):
        return ServerError(reply.status, f"the server answers {reply.status} {reply.reason}")
    details = status.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    found = tuple(
        Cause(str(cause.get("field", "")), str(cause.get("message", "")), str(cause.get("reason", "")))
        for cause in causes or ()
        if isinstance(cause, dict)
    )
    message = str(status.get("message") or reply.reason)
    return ServerError(reply.status, message, found)
