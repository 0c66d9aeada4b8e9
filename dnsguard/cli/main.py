"""The command line: finds the command's module and imports nothing else, so that every command starts at once."""

import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import NamedTuple, cast

from dnsguard.cli.errors import BAD_INPUT, INTERRUPTED, PIPE_CLOSED, REFUSED, code_hint
from dnsguard.errors import DnsguardError


class Command(NamedTuple):
    """One word of the command line."""

    name: str
    module: str
    """Has `main(argv) -> int`; argv without the command's name."""
    text: str


COMMANDS = (
    Command("run", "dnsguard.cli.run", "start controller and forwarder, and keep them running"),
    Command("controller", "dnsguard.controller.main", "the process that holds policy: API, store, rules"),
    Command("forwarder", "dnsguard.forwarder.main", "the process that answers DNS and opens what policy allows"),
    Command("apply", "dnsguard.cli.apply", "create or update objects from files"),
    Command("diff", "dnsguard.cli.diff", "what an apply of files would change"),
    Command("get", "dnsguard.cli.get", "show objects"),
    Command("allow", "dnsguard.cli.allow", "add domains and networks to a network set"),
    Command("disallow", "dnsguard.cli.disallow", "take domains and networks out of a network set"),
    Command("delete", "dnsguard.cli.delete", "delete objects"),
    Command("explain", "dnsguard.cli.explain", "what would happen to a connection, and why"),
    Command("effective", "dnsguard.cli.effective", "all that applies to an endpoint, in the order of evaluation"),
    Command("log", "dnsguard.cli.log", "who asked which names, and what became of it"),
    Command("denied", "dnsguard.cli.denied", "whose packets were denied, to what, and by which rule"),
    Command("audit", "dnsguard.cli.audit", "who changed what, and what was denied; whether the log is whole"),
    Command("status", "dnsguard.cli.status", "how the controller, its forwarders and the rules are"),
    Command("backup", "dnsguard.cli.backup", "write everything that is stored into one file, while it runs"),
    Command("restore", "dnsguard.cli.restore", "put a backup in place of what is stored"),
    Command("validate", "dnsguard.cli.validate", "check files without a server"),
    Command("codes", "dnsguard.cli.codes", "what the codes of errors and warnings ask for"),
    Command("render", "dnsguard.cli.render", "show the nftables rules that files make, without a server"),
    Command("uninstall", "dnsguard.cli.uninstall", "remove our nftables table: enforcement ends"),
    Command("version", "dnsguard.cli.version", "show the version"),
)


def usage() -> str:
    """What `dnsguard --help` prints."""
    width = max(len(command.name) for command in COMMANDS)
    lines = [f"  {command.name.ljust(width)}  {command.text}" for command in COMMANDS]
    return "\n".join(
        [
            "usage: dnsguard COMMAND [...]",
            "",
            "Egress control by domain name, CIDR and label.",
            "",
            *lines,
            "",
            "dnsguard COMMAND --help says more. Exit codes: 0 done, 1 refused or not found, 2 bad input.",
        ]
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code. Errors are said on stderr, one line each."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] in (["-h"], ["--help"], ["help"]):
        print(usage())
        return 0
    if words[:1] == ["--version"]:
        words = ["version"]
    command = next((command for command in COMMANDS if words and command.name == words[0]), None)
    if command is None:
        said = f"dnsguard: {words[0]!r} is no command{_meant(words[0])}" if words else "dnsguard: which command?"
        print(f"{said}\n\n{usage()}", file=sys.stderr)
        return BAD_INPUT
    return _run(command, words[1:])


def _meant(word: str) -> str:
    import difflib

    close = difflib.get_close_matches(word, [command.name for command in COMMANDS], n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _run(command: Command, argv: Sequence[str]) -> int:
    try:
        start = cast("Callable[[Sequence[str]], int]", import_module(command.module).main)
        code = start(argv)
        sys.stdout.flush()
    except DnsguardError as error:
        hint = code_hint(fault.cause.code for fault in getattr(error, "faults", ()))
        for line in (*str(error).splitlines(), *([hint] if hint else ())):
            print(f"dnsguard {command.name}: {line}", file=sys.stderr)
        return int(getattr(error, "exit_code", REFUSED))
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # the reader of our output went away, as `| head` does; nothing more can be written, at exit neither
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    return code
