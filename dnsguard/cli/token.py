"""`dnsguard token`: who may use the API, besides the administrator of the machine."""

import argparse
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from dnsguard.cli.access import add_server_flags
from dnsguard.cli.errors import CommandError, UsageError
from dnsguard.cli.names import is_missing, meant_instead
from dnsguard.cli.output import add_output_flag, as_text, without_owners
from dnsguard.cli.server import Object, Server, ServerError, object_path
from dnsguard.cli.table import aligned
from dnsguard.resources import kind_named

USUAL = "90d"
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}

_TOKENS = kind_named("accesstokens")
_ROLES = kind_named("clusterroles")
_EVERYWHERE = kind_named("clusterrolebindings")
_WITHIN = kind_named("rolebindings")
_GROUP = _ROLES.group


def main(argv: Sequence[str]) -> int:
    """Create, list or revoke tokens. Raises CommandError."""
    parser = argparse.ArgumentParser(
        prog="dnsguard token",
        usage="dnsguard token create NAME [--role CLUSTERROLE [-n NAMESPACE]] [--group GROUP] [--expires 30d|never]\n"
        "       dnsguard token list [-o json|yaml]\n"
        "       dnsguard token revoke NAME...",
        description="Tokens for users of the API. Only a hash of each is kept: the token itself is shown once, when it"
        " is made.",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION", help="one of:")
    create = actions.add_parser("create", help="make a token, print it, and say on stderr what it may do")
    create.add_argument("name", metavar="NAME", help="of its user")
    create.add_argument("--role", metavar="CLUSTERROLE", help="that the user gets, such as view, edit or cluster-admin")
    create.add_argument("-n", "--namespace", help="in which --role holds; without it everywhere")
    create.add_argument(
        "--group", action="append", default=[], metavar="GROUP", help="of which the user is; may be repeated"
    )
    create.add_argument(
        "--expires", metavar="TIME", default=USUAL, help=f"30d, 12h, 2w, a time as RFC 3339, or never (default {USUAL})"
    )
    listing = actions.add_parser("list", help="show who has a token, until when, and with which roles")
    revoke = actions.add_parser("revoke", help="end tokens at once, with what is open by them")
    revoke.add_argument("names", nargs="+", metavar="NAME", help="of their users")
    for each in (create, listing):
        add_output_flag(each)
    for each in (create, listing, revoke):
        add_server_flags(each)
    arguments = parser.parse_args(argv)
    with Server.of(arguments) as server:
        match arguments.action:
            case "create":
                _create(server, arguments)
            case "list":
                _list(server, arguments.output)
            case _:
                return _revoke(server, arguments.names)
    return 0


def _create(server: Server, arguments: argparse.Namespace) -> None:
    if arguments.namespace and not arguments.role:
        raise UsageError("-n says where --role holds: name a role")
    name, role, namespace = arguments.name, arguments.role, arguments.namespace or ""
    expires = moment(arguments.expires, datetime.now(UTC))
    if role:
        _require_role(server, role)
    spec = {"groups": arguments.group} | ({} if expires is None else {"expires": expires})
    body = {"apiVersion": _TOKENS.api_version, "kind": _TOKENS.kind, "metadata": {"name": name}, "spec": spec}
    made, _ = server.send("POST", object_path(_TOKENS, ""), body)
    if role:
        try:
            _bind(server, name, role, namespace)
        except CommandError as error:
            _undo(server, name, error)
            raise
    print(as_text(without_owners(made), arguments.output) if arguments.output else made["status"]["token"])
    print(_told(name, role, namespace, expires), file=sys.stderr)


def moment(text: str, now: datetime) -> str | None:
    """When something ends, as RFC 3339: ``30d`` from now, or a time; None for ``never``. Raises UsageError."""
    if text == "never":
        return None
    if span := re.fullmatch(r"([1-9][0-9]{0,4})([mhdw])", text):
        return (now + int(span[1]) * _UNITS[span[2]]).strftime("%Y-%m-%dT%H:%M:%SZ")
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        read = None
    if read is None or read.tzinfo is None:
        raise UsageError(f"--expires {text}: write 30d, 12h, 2w, a time such as 2031-12-31T00:00:00Z, or never")
    if read <= now:
        raise UsageError(f"--expires {text}: that is over already")
    return read.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _require_role(server: Server, role: str) -> None:
    try:
        if server.find(object_path(_ROLES, "", role)) is None:
            raise CommandError(f"there is no cluster role {role}: `dnsguard get clusterroles` shows which there are")
    except ServerError as error:
        if error.status != HTTPStatus.FORBIDDEN:  # who may not look may know the name all the same
            raise


def _bind(server: Server, name: str, role: str, namespace: str) -> None:
    kind = _WITHIN if namespace else _EVERYWHERE
    body = {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {"name": f"{_prefix(name)}{role}"},
        "roleRef": {"apiGroup": _GROUP, "kind": _ROLES.kind, "name": role},
        "subjects": [{"apiGroup": _GROUP, "kind": "User", "name": name}],
    }
    server.send("POST", object_path(kind, namespace), body)


def _prefix(name: str) -> str:
    """What names of bindings begin with that were made with a token."""
    return f"token:{name}:"


def _undo(server: Server, name: str, error: CommandError) -> None:
    try:
        server.delete(object_path(_TOKENS, "", name))
    except CommandError as second:
        raise CommandError(f"{error}; the token {name} was made and could not be taken back: {second}") from None


def _told(name: str, role: str | None, namespace: str, expires: str | None) -> str:
    where = f"in namespace {namespace}" if namespace else "everywhere"
    may = f"may do what cluster role {role} allows {where}" if role else "has the rights that bindings give to it"
    until = f"until {expires}" if expires else "without an end"
    return (
        f"{name} {may}, {until}. The token is shown this once. Keep it in a file that only its user can read;\n"
        "the user names the file in --token-file or $DNSGUARD_TOKEN_FILE; `dnsguard kubeconfig --token-file FILE` makes"
        " one for kubectl"
    )


def _list(server: Server, output: str | None) -> None:
    found = server.get(object_path(_TOKENS, ""))
    if output:
        print(as_text({**found, "items": [without_owners(each) for each in found["items"]]}, output))
        return
    if not found["items"]:
        print("no tokens: `dnsguard token create NAME` makes one", file=sys.stderr)
        return
    try:
        bindings = [each for kind in (_EVERYWHERE, _WITHIN) for each in server.get(object_path(kind, ""))["items"]]
    except ServerError as error:
        if error.status != HTTPStatus.FORBIDDEN:
            raise
        bindings = None
    now = datetime.now(UTC)
    rows = [_row(token, bindings, now) for token in found["items"]]
    print("\n".join(aligned([("NAME", "EXPIRES", "GROUPS", "ROLES"), *rows])))


def _row(token: Object, bindings: Iterable[Object] | None, now: datetime) -> tuple[str, ...]:
    name, spec = token["metadata"]["name"], token["spec"]
    groups = spec.get("groups") or []
    holders = {("User", name), *(("Group", group) for group in groups)}
    roles = "?" if bindings is None else ", ".join(_roles(bindings, holders))
    return name, _ends(spec, now), ",".join(groups) or "-", roles or "-"


def _ends(spec: Mapping[str, Any], now: datetime) -> str:
    expires = spec.get("expires")
    if expires is None:
        return "never"
    return f"{expires} (over)" if datetime.fromisoformat(expires) <= now else str(expires)


def _roles(bindings: Iterable[Object], holders: set[tuple[str, str]]) -> list[str]:
    found = []
    for binding in bindings:
        if any((subject["kind"], subject["name"]) in holders for subject in binding.get("subjects") or ()):
            namespace = binding["metadata"].get("namespace")
            role = binding["roleRef"]["name"]
            found.append(f"{role} in {namespace}" if namespace else role)
    return found


def _revoke(server: Server, names: Sequence[str]) -> int:
    """The exit code. A token that cannot be revoked does not keep back the others."""
    code = 0
    for name in names:
        try:
            server.delete(object_path(_TOKENS, "", name))
        except ServerError as error:
            meant = meant_instead(server, _TOKENS, "", name) if is_missing(error) else ""
            print(f"dnsguard token: {error.said_of(_TOKENS.called(name))}{meant}", file=sys.stderr)
            code = error.exit_code
        else:
            print(f"{_TOKENS.called(name)} revoked")
            _unbind(server, name)
    return code


def _unbind(server: Server, name: str) -> None:
    """Bindings that were made with a token go with it: whoever gets one of that name must not find them."""
    for kind in (_EVERYWHERE, _WITHIN):
        try:
            for each in server.get(object_path(kind, ""))["items"]:
                metadata = each["metadata"]
                users = [subject["name"] for subject in each.get("subjects") or () if subject["kind"] == "User"]
                if metadata["name"].startswith(_prefix(name)) and users == [name]:
                    server.delete(object_path(kind, metadata.get("namespace", ""), metadata["name"]))
                    print(f"{kind.called(metadata['name'])} deleted")
        except ServerError as error:
            if error.status != HTTPStatus.FORBIDDEN:
                raise
            print(f"warning: bindings of {name} may be left: {error}", file=sys.stderr)
