"""The admin API as a client sees it: addresses, tokens, errors."""

import argparse
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from dnsguard.cli.errors import FORBIDDEN, UNREACHABLE, CommandError, UsageError
from dnsguard.cli.transport import Address, BadAddress, NoAnswer, Reply, Transport
from dnsguard.locations import API_PORT, SYSTEM_STATE, TOKEN_FILE, default_state_dir
from dnsguard.resources import Cause, Kind

Object = dict[str, Any]

TIMEOUT = 30.0
_WARNING = re.compile(r'299 \S+ "((?:[^"\\]|\\.)*)"')


class ServerError(CommandError):
    """The server refused a request, in its own words."""

    def __init__(self, status: int, message: str, causes: tuple[Cause, ...] = ()) -> None:
        self.status = status
        self.causes = causes
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            self.exit_code = FORBIDDEN
        """What is wrong with the object, field by field; empty where it is something else."""
        super().__init__(message)

    def said_of(self, subject: str) -> str:
        """The server's words with what they are about before them, unless they name it: what is not there they do."""
        return str(self) if self.status == HTTPStatus.NOT_FOUND else f"{subject}: {self}"


class UnreachableError(CommandError):
    """Nothing answers at the server's address."""

    exit_code = UNREACHABLE


def add_server_flags(parser: argparse.ArgumentParser, *, with_settings: bool = False) -> None:
    """Flags that say which server, and who asks. ``with_settings``: the parser has those of ``settings.add_flags`` too,
    among them the state directory."""
    group = parser.add_argument_group("server")
    group.add_argument("--server", metavar="URL", help="default: $DNSGUARD_SERVER, else http://127.0.0.1:8053")
    group.add_argument("--token", help="default: $DNSGUARD_TOKEN")
    group.add_argument(
        "--token-file", metavar="FILE", help="default: $DNSGUARD_TOKEN_FILE, else `token` in the state directory"
    )
    if not with_settings:
        group.add_argument(
            "--state-dir",
            dest="setting_state_dir",
            metavar="DIRECTORY",
            help=f"that of `dnsguard run`, for its token; default: $DNSGUARD_STATE_DIR, else for root {SYSTEM_STATE}",
        )


class Server:
    """A connection to one server. Every method raises ServerError and UnreachableError."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json", "User-Agent": "dnsguard"}
        try:
            self._transport = Transport(Address.of(self._url), headers, TIMEOUT)
        except BadAddress as error:
            raise UsageError(f"--server {url}: {error}") from None

    @classmethod
    def of(cls, arguments: argparse.Namespace, environ: Mapping[str, str] = os.environ) -> Self:
        """The server that flags and environment name. Raises UsageError."""
        url = arguments.server or environ.get("DNSGUARD_SERVER") or f"http://127.0.0.1:{API_PORT}"
        return cls(url, _token(arguments, environ))

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
                    raise _refusal(stream.whole())
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
            raise _refusal(reply)
        try:
            value = json.loads(reply.body)
        except ValueError:
            raise ServerError(reply.status, f"{self._url}{path} answers what is no JSON") from None
        warnings = ",".join(reply.headers.get_all("warning") or ())
        return value, tuple(re.sub(r"\\(.)", r"\1", text) for text in _WARNING.findall(warnings))

    def _unreachable(self, error: NoAnswer) -> UnreachableError:
        return UnreachableError(f"{self._url} does not answer ({error}): is `dnsguard run` running there?")


def object_path(kind: Kind, namespace: str, name: str = "") -> str:
    """Where an object, or the list of them, is served. An empty namespace means all of them."""
    base = f"/apis/{kind.api_version}" if kind.group else f"/api/{kind.api_version}"
    scope = f"/namespaces/{quote(namespace, safe='')}" if kind.namespaced and namespace else ""
    return f"{base}{scope}/{kind.plural}" + (f"/{quote(name, safe='')}" if name else "")


def _token(arguments: argparse.Namespace, environ: Mapping[str, str]) -> str:
    """What a flag says goes before what the environment says, whichever of them it is."""
    flagged = arguments.token_file or arguments.setting_state_dir
    if token := arguments.token or (None if flagged else environ.get("DNSGUARD_TOKEN")):
        return _checked(token, "--token")
    named = arguments.token_file or (None if flagged else environ.get("DNSGUARD_TOKEN_FILE"))
    state_dir = Path(arguments.setting_state_dir or environ.get("DNSGUARD_STATE_DIR") or default_state_dir(environ))
    path = Path(named) if named else state_dir / TOKEN_FILE
    try:
        return _checked(path.read_text(encoding="utf-8").strip(), str(path))
    except (OSError, UnicodeDecodeError) as error:
        if not named and isinstance(error, FileNotFoundError):
            raise UsageError(
                f"no token yet at {path}: `dnsguard run` writes it when it starts; is it running, with the same"
                " --state-dir or DNSGUARD_STATE_DIR?"
            ) from None
        reason = getattr(error, "strerror", None) or "is no text"
        raise UsageError(f"no token: {path}: {reason}; name it with --token-file or DNSGUARD_TOKEN_FILE") from None


def _checked(token: str, origin: str) -> str:
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError(f"{origin}: holds no token")
    return token


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
