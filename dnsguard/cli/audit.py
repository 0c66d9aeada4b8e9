"""`dnsguard audit`: who changed what, and what was denied."""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from dnsguard.cli.access import add_server_flags
from dnsguard.cli.errors import REFUSED, CommandError, UsageError
from dnsguard.cli.output import add_output_flag
from dnsguard.cli.records import INSTEAD, USUAL, one_line, print_record
from dnsguard.cli.server import Server
from dnsguard.locations import AUDIT_FILE, default_state_dir


def main(argv: Sequence[str]) -> int:
    """Show records, or verify the log; 1 where it is not whole."""
    parser = argparse.ArgumentParser(
        prog="dnsguard audit",
        description="Who changed what, from where, and with which result; denied attempts, too.",
    )
    parser.add_argument("-f", "--follow", action="store_true", help="go on with what comes, until interrupted")
    parser.add_argument(
        "-n", "--last", type=int, metavar="N", default=USUAL, help=f"begin with the newest N (default: {USUAL})"
    )
    parser.add_argument("--user", default="", metavar="NAME", help="only what this user did or tried")
    parser.add_argument("--denied", action="store_true", help="only what was refused")
    add_output_flag(parser, instead_of=INSTEAD)
    parser.add_argument(
        "--verify",
        nargs="?",
        const="",
        metavar="FILE",
        help=f"see whether the log is whole, by the chain of its lines; needs no server, reads {AUDIT_FILE} and its"
        " full files in the state directory, or FILE",
    )
    add_server_flags(parser)
    arguments = parser.parse_args(argv)
    if arguments.verify is not None:
        return _verify(_path(arguments))
    asked = {
        "last": str(arguments.last),
        "user": arguments.user,
        "denied": "true" if arguments.denied else "",
        "follow": "true" if arguments.follow else "",
    }
    with Server.of(arguments) as server:
        parameters = {key: value for key, value in asked.items() if value}
        for line in server.lines("/v1/audit", parameters, _say_following if arguments.follow else None):
            print_record(line, arguments.output, audit_text)
    return 0


def audit_text(event: dict[str, Any]) -> str:
    """One record as a line for people; whatever is in it, it is one line and does nothing to a terminal."""
    return one_line(_parts(event))


def _parts(event: dict[str, Any]) -> Iterator[str]:
    if event.get("type") == "UNLOGGED":
        yield f"-- {event.get('count', 0)} records are missing: {event.get('reason', '')}"
        return
    yield str(event.get("stageTimestamp") or event.get("time", ""))
    user, source = event.get("user", {}).get("username", ""), ",".join(event.get("sourceIPs", ()))
    yield f"{user or '-'}@{source}" if source else user
    yield str(event.get("verb", ""))
    at = event.get("objectRef", {})
    place = "/".join(str(at[key]) for key in ("resource", "namespace", "name") if at.get(key))
    yield place or str(event.get("requestURI", ""))
    status = event.get("responseStatus", {})
    yield str(status.get("code", ""))
    if event.get("dryRun"):
        yield "(dry run)"
    before, after = _version(event, "previousObject"), _version(event, "responseObject")
    if before or after:
        yield f"{before or 'none'} -> {after or 'gone'}"
    if status.get("message"):
        yield str(status["message"])


def _version(event: dict[str, Any], which: str) -> str:
    return str(event.get(which, {}).get("metadata", {}).get("resourceVersion", ""))


def _say_following() -> None:
    print("following", file=sys.stderr, flush=True)


def _path(arguments: argparse.Namespace) -> Path:
    if arguments.verify:
        return Path(arguments.verify)
    state = arguments.setting_state_dir or os.environ.get("DNSGUARD_STATE_DIR") or default_state_dir(os.environ)
    return Path(state) / AUDIT_FILE


def _verify(path: Path) -> int:
    from dnsguard.controller.auditing.chain import START, verified  # only here: it takes longer than asking a server

    try:
        found = verified(path)
    except OSError as error:
        raise CommandError(f"{error.filename or path} cannot be read: {error.strerror}") from None
    if not found.files:
        raise UsageError(f"there is no audit log at {path}: name it, or the --state-dir it is in")
    for fault in found.faults:
        print(fault, file=sys.stderr)
    if found.faults:
        print(f"{path}: NOT WHOLE", file=sys.stderr)
        return REFUSED
    print(f"{path}: whole, {found.lines} lines in {found.files} file{'s' if found.files > 1 else ''}")
    if found.unchained:
        print(f"begins with {found.unchained} lines of an earlier version, which made no chain")
    print(
        "begins with the first line of all" if found.begins == START else f"begins after {found.begins}, which is gone"
    )
    print(f"ends with   {found.ends}: keep it elsewhere, for only it tells whether later lines were taken off")
    return 0
