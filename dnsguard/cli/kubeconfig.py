"""`dnsguard kubeconfig`: what kubectl and the clients of Kubernetes need to speak to a server."""

import argparse
from base64 import b64encode
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from dnsguard.cli.access import Access, access_of, add_server_flags
from dnsguard.cli.errors import CommandError, UsageError
from dnsguard.cli.output import as_text
from dnsguard.cli.server import Server

NAME = "dnsguard"
Config = dict[str, Any]


def main(argv: Sequence[str]) -> int:
    """Print a kubeconfig, or put it into a file. Raises CommandError."""
    parser = argparse.ArgumentParser(
        prog="dnsguard kubeconfig",
        description="Write what kubectl needs: where the server is, who signs its certificate, and a token or client"
        " certificate. Without flags that of this machine's administrator. All of it is in the file: keep it as the"
        " token.",
    )
    parser.add_argument("--user", metavar="NAME", default=NAME, help=f"name of the user's entry; default: {NAME}")
    parser.add_argument("--context", metavar="NAME", default=NAME, help=f"of context and cluster; default: {NAME}")
    parser.add_argument(
        "--into", metavar="FILE", help="merge it into a kubeconfig, which is made if it is not there, mode 0600"
    )
    add_server_flags(parser)
    arguments = parser.parse_args(argv)
    access = access_of(arguments, over_network=True)
    if not access.url.startswith("https:"):
        raise UsageError(f"--server {access.url}: kubectl sends tokens over TLS only: name one with https://")
    url = access.url if access.is_given else _own_url(arguments, access)
    made = kubeconfig(access, url, arguments.context, arguments.user)
    if not arguments.into:
        print(as_text(made, "yaml"))
        return 0
    path = Path(arguments.into).expanduser()
    _write(path, merged(_read(path), made))
    print(f"context {arguments.context} written to {path}: kubectl --kubeconfig {path} get networkpolicies -A")
    return 0


def kubeconfig(access: Access, url: str, context: str, user: str) -> Config:
    """A kubeconfig with one cluster, user and context. Raises UsageError where a file cannot be read."""
    cluster: Config = {"server": url}
    if not access.is_verified:
        cluster["insecure-skip-tls-verify"] = True
    elif access.authority is not None:
        cluster["certificate-authority-data"] = _data(access.authority)
    credentials: Config = {}
    if access.token:
        credentials["token"] = access.token
    elif access.certificate is not None:
        credentials["client-certificate-data"] = _data(access.certificate)
        credentials["client-key-data"] = _data(access.key or access.certificate)
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": context, "cluster": cluster}],
        "users": [{"name": user, "user": credentials}],
        "contexts": [{"name": context, "context": {"cluster": context, "user": user}}],
        "current-context": context,
    }


def merged(old: Config, new: Config) -> Config:
    """An old kubeconfig with a new one's entries in place of those of the same names."""
    result = {**old, **{name: new[name] for name in ("apiVersion", "kind", "current-context")}}
    for section in ("clusters", "users", "contexts"):
        ours = {entry["name"] for entry in new[section]}
        kept = [entry for entry in old.get(section) or () if entry.get("name") not in ours]
        result[section] = kept + new[section]
    return result


def _own_url(arguments: argparse.Namespace, access: Access) -> str:
    """Where the server of this machine says that it listens; the default where nobody is there to say it."""
    local = access_of(arguments)
    if local.socket is None:
        return access.url
    with Server(local) as server:
        told = str(server.get("/v1/status").get("files", {}).get("api") or access.url)
    if told.startswith("http:"):
        raise UsageError(f"the API is served at {told} without TLS (api_tls): kubectl sends no token there")
    parts = urlsplit(told)
    try:
        address = ip_address(parts.hostname or "")
    except ValueError:
        return told
    if not address.is_unspecified:
        return told
    here = "127.0.0.1" if address.version == 4 else "[::1]"
    return urlunsplit(parts._replace(netloc=f"{here}:{parts.port}"))


def _data(path: Path) -> str:
    try:
        return b64encode(path.read_bytes()).decode("ascii")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None


def _read(path: Path) -> Config:
    """What the file holds; nothing where there is none. Raises UsageError."""
    import yaml  # takes time, and who writes to no file needs it only to print

    if path.exists() and not path.is_file():  # what replaces a device would be no device any more
        raise UsageError(f"--into {path}: is no file; without --into it goes to standard output")
    try:
        found = yaml.safe_load(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, yaml.YAMLError) as error:
        reason = getattr(error, "strerror", None) or "is no YAML"
        raise UsageError(f"--into {path}: {reason}; nothing was written") from None
    if found is not None and not _is_kubeconfig(found):
        raise UsageError(f"--into {path}: is no kubeconfig; nothing was written")
    return found or {}


def _is_kubeconfig(value: Any) -> bool:
    if not isinstance(value, dict) or value.get("kind", "Config") != "Config":
        return False
    sections = [value.get(name) or [] for name in ("clusters", "users", "contexts")]
    return all(isinstance(each, list) and all(isinstance(entry, dict) for entry in each) for each in sections)


def _write(path: Path, config: Config) -> None:
    from dnsguard.files import replace_file

    target = path.resolve()  # a link stays one
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(target, [f"{as_text(config, 'yaml')}\n".encode()])
    except OSError as error:
        raise CommandError(f"--into {path}: {error.strerror}") from None
