"""Entries of a network set, changed without sending the set: what `dnsguard allow` and `dnsguard disallow` share."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from dnsguard.cli.access import add_server_flags
from dnsguard.cli.errors import CommandError, UsageError
from dnsguard.cli.names import is_missing, meant_instead
from dnsguard.cli.output import add_output_flag, as_text
from dnsguard.cli.server import Object, Server, ServerError, object_path
from dnsguard.resources import Kind, kind_named

ENTRIES = "application/vnd.dnsguard.entries+json"
"""The patch that names entries and nothing else."""

_ATTEMPTS = 4
_MOST_RULES = 5


class _Refused(CommandError):
    """The server's words, a line each."""

    def __init__(self, error: ServerError, hint: str) -> None:
        self.exit_code = error.exit_code
        lines = [f"{cause.message} ({cause.code})" for cause in error.causes] or [str(error)]
        super().__init__("\n".join(lines) + hint)


def add_entry_flags(parser: argparse.ArgumentParser) -> None:
    """What to change, and in which set."""
    parser.add_argument(
        "entries", nargs="*", metavar="DOMAIN|CIDR", help="example.org, '*.example.org', 192.0.2.0/24, 2001:db8::1"
    )
    parser.add_argument("--set", required=True, metavar="NAME", help="the network set")
    scope = parser.add_mutually_exclusive_group()
    scope.add_argument("-n", "--namespace", default="default", help="of the set (default: default)")
    scope.add_argument("--global", action="store_true", dest="is_global", help="it is a GlobalNetworkSet")
    parser.add_argument(
        "-f", "--filename", action="append", default=[], metavar="FILE",
        help="more of them, one a line, # begins a comment; - for standard input; may be repeated",
    )  # fmt: skip
    parser.add_argument("--dry-run", action="store_true", help="let the server check everything and keep nothing")
    parser.add_argument("-q", "--quiet", action="store_true", help="do not ask which rules look into the set")
    add_output_flag(parser)
    add_server_flags(parser)


def change_entries(arguments: argparse.Namespace, field: str, labels: dict[str, str] | None = None) -> int:
    """Make the change and show what became of it. ``field``: `add` or `remove`. ``labels``: those of the set where it
    is to be made; None where it is not. Raises CommandError."""
    texts = [*arguments.entries, *(entry for name in arguments.filename for entry in _entries_of(name))]
    if not texts:
        raise UsageError("name what: domains, networks, or -f FILE with one a line")
    target = _Target(arguments)
    with Server.of(arguments) as server:
        try:
            report, warnings = _Change(server, target, arguments, labels).make(field, texts)
        except ServerError as error:
            raise _Refused(error, _hint(server, target, error, field)) from None
        users = None if arguments.quiet else _users(server, target)
    if users is not None:
        report["usedBy"] = users
    print(as_text(report, arguments.output) if arguments.output else "\n".join(_lines(report, target, arguments)))
    for warning in (*warnings, *_advice(report, target)):
        print(f"warning: {warning}", file=sys.stderr)
    return 0


def _entries_of(name: str) -> Iterator[str]:
    """Raises UsageError."""
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{name}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{name}: is no text in UTF-8") from None
    return filter(None, (line.partition("#")[0].strip() for line in text.splitlines()))


class _Target:
    """The set that flags name."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.kind: Kind = kind_named("globalnetworksets" if arguments.is_global else "networksets")
        self.namespace = "" if arguments.is_global else str(arguments.namespace)
        self.name = str(arguments.set)

    def __str__(self) -> str:
        return f"{self.kind.singular} {'/'.join(part for part in (self.namespace, self.name) if part)}"


class _Change:
    """Makes a change, and the set where that is wanted."""

    def __init__(
        self, server: Server, target: _Target, arguments: argparse.Namespace, labels: dict[str, str] | None
    ) -> None:
        self._server = server
        self._target = target
        self._labels = labels
        self._parameters = {"dryRun": "All"} if arguments.dry_run else None

    def make(self, field: str, texts: Sequence[str]) -> tuple[Object, tuple[str, ...]]:
        """What became of each entry, and what the server warns about. Raises ServerError, UsageError."""
        path = object_path(self._target.kind, self._target.namespace, self._target.name)
        for attempt in range(_ATTEMPTS):
            is_last = attempt == _ATTEMPTS - 1
            try:
                return self._server.send("PATCH", path, {field: texts}, self._parameters, content_type=ENTRIES)
            except ServerError as error:
                if error.status == HTTPStatus.CONFLICT and not is_last:
                    continue  # others write this set all the time: the server has repeated it a few times itself
                if not is_missing(error) or self._labels is None:
                    raise
            try:
                return self._create(texts, self._labels)
            except ServerError as error:
                if error.status != HTTPStatus.CONFLICT or is_last:
                    raise  # with a conflict, somebody has just made it
        raise AssertionError  # the last attempt returns or raises

    def _create(self, texts: Sequence[str], labels: dict[str, str]) -> tuple[Object, tuple[str, ...]]:
        from dnsguard.resources.setentries import BadEntry, Entry  # the models come with it

        try:
            entries = list({entry.text: entry for entry in map(Entry.parse, texts)}.values())
        except BadEntry as error:
            raise UsageError(f"{error} ({error.code})") from None
        spec: dict[str, list[str]] = {}
        for entry in entries:
            spec.setdefault(entry.field, []).append(entry.text)
        target, kind = self._target, self._target.kind
        metadata = {"name": target.name, "labels": labels}
        if target.namespace:
            metadata["namespace"] = target.namespace
        value = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, "spec": spec}
        made, warnings = self._server.send("POST", object_path(kind, target.namespace), value, self._parameters)
        added: list[dict[str, Any]] = [
            {"entry": entry.text, "field": entry.field, "outcome": "added", "coveredBy": [], "narrower": []}
            for entry in entries
        ]
        report = {
            "kind": kind.kind,
            "namespace": target.namespace,
            "name": target.name,
            "resourceVersion": made["metadata"].get("resourceVersion", ""),
            "entries": added,
            "created": True,
        }
        return report, warnings


def _hint(server: Server, target: _Target, error: ServerError, field: str) -> str:
    if not is_missing(error):
        return ""
    meant = meant_instead(server, target.kind, target.namespace, target.name)
    makes = "; --create --label KEY=VALUE makes it" if field == "add" else ""
    return f"{meant or makes}"


def _users(server: Server, target: _Target) -> Object | None:
    """Which rules look into the set; None where the server does not say: who asks may not, or a dry run makes none."""
    asked = {"name": target.name} | ({"namespace": target.namespace} if target.namespace else {})
    try:
        found: Object = server.get("/v1/set-users", asked)
    except ServerError:
        return None
    return found


def _lines(report: Object, target: _Target, arguments: argparse.Namespace) -> Iterator[str]:
    """What became of each entry, then who looks into the set."""
    dry = " (dry run)" if arguments.dry_run else ""
    if report.get("created"):
        yield f"{target} created{dry}"
    for entry in report["entries"]:
        match entry["outcome"]:
            case "added":
                yield f"{entry['entry']} added to {target}{_covered(entry)}{dry}"
            case "present":
                yield f"{entry['entry']} already there"
            case "removed":
                yield f"{entry['entry']} removed from {target}{dry}"
            case _:
                yield f"{entry['entry']} not there"
    rules = report.get("usedBy", {}).get("rules", ())
    for rule in rules[:_MOST_RULES]:
        where = f"{rule['direction']} rule {rule['rule']}, tier {rule['tier']}"
        yield f"  looked into by {rule['policy']} ({where}): {rule['action']}"
    if len(rules) > _MOST_RULES:
        yield f"  and {len(rules) - _MOST_RULES} more rules; {report['usedBy']['policies']} policies in all"


def _covered(entry: Object) -> str:
    return f", which {', '.join(entry['coveredBy'])} in it covers already" if entry["coveredBy"] else ""


def _advice(report: Object, target: _Target) -> Iterator[str]:
    """What is probably not meant."""
    for entry in report["entries"]:
        if entry["outcome"] in ("removed", "absent"):
            if entry["coveredBy"]:
                yield f"{entry['entry']} stays open: {', '.join(entry['coveredBy'])} in {target} covers it"
            if entry["narrower"]:
                yield f"within {entry['entry']}, {target} still holds {', '.join(entry['narrower'])}"
    if "usedBy" not in report:
        return
    rules = report["usedBy"]["rules"]
    if not rules:
        yield f"no rule of any policy selects {target}: it opens nothing; a rule does by destination.selector"
    elif not any(rule["action"] == "Allow" for rule in rules):
        yield f"no rule that looks into {target} allows"
    elif any(entry["field"] == "allowedEgressDomains" for entry in report["entries"]) and not any(
        rule["action"] == "Allow" and rule["direction"] == "egress" for rule in rules
    ):
        yield f"domains count in egress rules that allow, and none of these looks into {target}"
