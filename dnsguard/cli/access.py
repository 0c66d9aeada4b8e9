"""Which server a command speaks to, and as whom: flags, environment, and what lies on this machine."""

import argparse
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dnsguard.cli.errors import UsageError
from dnsguard.locations import (
    API_PORT,
    API_SOCKET,
    CA_FILE,
    SYSTEM_STATE,
    TOKEN_FILE,
    default_run_dir,
    default_state_dir,
)

UNIX = "unix:"
LOCAL_URL = "http://localhost"
"""What requests over a Unix socket are addressed to."""

DEFAULT_URL = f"https://127.0.0.1:{API_PORT}"


def add_server_flags(parser: argparse.ArgumentParser, *, with_settings: bool = False) -> None:
    """Flags that say which server, and who asks. ``with_settings``: the parser has those of ``settings.add_flags`` too,
    among them the state directory."""
    group = parser.add_argument_group("server")
    group.add_argument(
        "--server",
        metavar="URL",
        help=f"https://HOST:PORT or unix:PATH; default: $DNSGUARD_SERVER, else {API_SOCKET} where `dnsguard run`"
        f" on this machine has it, else {DEFAULT_URL}",
    )
    group.add_argument("--token", help="default: $DNSGUARD_TOKEN; over the Unix socket none is needed")
    group.add_argument(
        "--token-file", metavar="FILE", help="default: $DNSGUARD_TOKEN_FILE, else `token` in the state directory"
    )
    group.add_argument(
        "--certificate-authority",
        metavar="FILE",
        help=f"who signs the server's certificate; default: $DNSGUARD_CERTIFICATE_AUTHORITY, else `{CA_FILE}` in the"
        " state directory, else whom the system trusts",
    )
    group.add_argument(
        "--client-certificate", metavar="FILE", help="instead of a token; default: $DNSGUARD_CLIENT_CERTIFICATE"
    )
    group.add_argument("--client-key", metavar="FILE", help="its key; default: $DNSGUARD_CLIENT_KEY")
    group.add_argument(
        "--insecure-skip-tls-verify", action="store_true", help="believe whoever answers to be the server: for trials"
    )
    if not with_settings:
        group.add_argument(
            "--state-dir",
            dest="setting_state_dir",
            metavar="DIRECTORY",
            help=f"that of `dnsguard run`, to find it; default: $DNSGUARD_STATE_DIR, else for root {SYSTEM_STATE}",
        )


@dataclass(frozen=True, slots=True)
class Access:
    """A server, and how to be let in."""

    url: str
    """Without a slash at its end."""

    socket: Path | None = None
    """To speak over, whatever the URL says."""

    token: str = ""
    """Empty: none is sent."""

    token_origin: str = ""
    """Where the token is from, for people."""

    authority: Path | None = None
    """None: whom the system trusts."""

    certificate: Path | None = None
    key: Path | None = None
    is_verified: bool = True
    """Whether it must prove to be the server."""

    is_given: bool = False
    """Whether the URL was asked for; else it is the default."""

    hint: str = ""
    """What to look at where it does not answer."""

    def context(self) -> ssl.SSLContext | None:
        """Whom to trust, and what to show; None without TLS. Raises UsageError where a file cannot be used."""
        if not self.url.startswith("https:"):
            return None  # reading the system's certificates takes 30 ms
        try:
            context = ssl.create_default_context(cafile=self.authority)
        except OSError as error:
            raise UsageError(f"--certificate-authority {self.authority}: {_reason(error)}") from None
        if not self.is_verified:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.certificate is not None:
            try:
                context.load_cert_chain(self.certificate, self.key, password="")
            except OSError as error:
                of_key = f" with --client-key {self.key}" if self.key else ""
                raise UsageError(f"--client-certificate {self.certificate}{of_key}: {_reason(error)}") from None
        return context


def access_of(
    arguments: argparse.Namespace, environ: Mapping[str, str] = os.environ, *, over_network: bool = False
) -> Access:
    """What flags and environment ask for: first what flags say, whichever of them it is. ``over_network``: not by the
    Unix socket, unless it is asked for. Raises UsageError."""
    state_dir = _state_dir(arguments, environ)
    given = arguments.server or environ.get("DNSGUARD_SERVER") or ""
    own = _run_dir(arguments, environ, state_dir) / API_SOCKET
    token, origin = _given_token(arguments, environ)
    if given.startswith(UNIX):
        return Access(LOCAL_URL, _socket_at(given), token, origin, is_given=True)
    if not given and not over_network and os.access(own, os.R_OK | os.W_OK):
        return Access(LOCAL_URL, own, token, origin)
    url = (given or DEFAULT_URL).rstrip("/")
    if not url.startswith(("http://", "https://")):
        raise UsageError(f"--server {url}: write https://HOST:PORT, http://HOST:PORT or unix:PATH")
    certificate = _path(arguments.client_certificate or environ.get("DNSGUARD_CLIENT_CERTIFICATE"))
    if not token and certificate is None:
        token, origin = _own_token(state_dir / TOKEN_FILE, own)
    authority = _path(arguments.certificate_authority or environ.get("DNSGUARD_CERTIFICATE_AUTHORITY"))
    if authority is None and os.access(state_dir / CA_FILE, os.R_OK):
        authority = state_dir / CA_FILE
    return Access(
        url,
        token=token,
        token_origin=origin,
        authority=authority,
        certificate=certificate,
        key=_path(arguments.client_key or environ.get("DNSGUARD_CLIENT_KEY")),
        is_verified=not arguments.insecure_skip_tls_verify,
        is_given=bool(given),
        hint="" if given else f"; there is no socket at {own} either",
    )


def _state_dir(arguments: argparse.Namespace, environ: Mapping[str, str]) -> Path:
    return Path(arguments.setting_state_dir or environ.get("DNSGUARD_STATE_DIR") or default_state_dir(environ))


def _run_dir(arguments: argparse.Namespace, environ: Mapping[str, str], state_dir: Path) -> Path:
    """That of the state directory that a flag names is not what the environment says of another."""
    given = getattr(arguments, "setting_run_dir", None)
    if not given and not arguments.setting_state_dir:
        given = environ.get("DNSGUARD_RUN_DIR")
    return Path(given) if given else default_run_dir(state_dir)


def _socket_at(server: str) -> Path:
    path = server.removeprefix(UNIX)
    path = path.removeprefix("//")
    if not path.startswith("/"):
        raise UsageError(f"--server {server}: write the socket's whole path, as in unix:/run/dnsguard/{API_SOCKET}")
    return Path(path)


def _path(text: str | None) -> Path | None:
    return Path(text).expanduser() if text else None


def _given_token(arguments: argparse.Namespace, environ: Mapping[str, str]) -> tuple[str, str]:
    """The token that is asked for by name, and where it is from; none where nobody asks for one."""
    flagged = arguments.token_file or arguments.setting_state_dir
    if token := arguments.token or (None if flagged else environ.get("DNSGUARD_TOKEN")):
        origin = "--token" if arguments.token else "DNSGUARD_TOKEN"
        return _checked(token, origin), origin
    named = arguments.token_file or (None if flagged else environ.get("DNSGUARD_TOKEN_FILE"))
    if not named:
        return "", ""
    try:
        return _checked(Path(named).read_text(encoding="utf-8").strip(), named), named
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"no token: {named}: {_reason(error)}; name it with --token-file or DNSGUARD_TOKEN_FILE"
        ) from None


def _own_token(path: Path, socket: Path) -> tuple[str, str]:
    """That of the state directory."""
    try:
        return _checked(path.read_text(encoding="utf-8").strip(), str(path)), str(path)
    except FileNotFoundError:
        raise UsageError(
            f"no dnsguard found: neither a socket at {socket} nor a token at {path}, which `dnsguard run` makes when it"
            " starts; is it running, with the same --state-dir or DNSGUARD_STATE_DIR? Of another machine's name"
            " --server and --token-file"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"no token: {path}: {_reason(error)}; be the user that dnsguard runs as, or name a token of your own with"
            " --token-file or DNSGUARD_TOKEN_FILE"
        ) from None


def _checked(token: str, origin: str) -> str:
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError(f"{origin}: holds no token")
    return token


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or str(error)).lower().replace("_", " ")
    return getattr(error, "strerror", None) or "is no text"
