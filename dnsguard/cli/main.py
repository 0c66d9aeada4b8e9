"""The command line: finds the command's module and imports nothing else, so that every command starts at once."""

import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import cast

from dnsguard.cli.commands import COMMANDS, GROUPS, Command
from dnsguard.cli.errors import BAD_INPUT, EXIT_CODES, INTERRUPTED, PIPE_CLOSED, REFUSED, code_hint
from dnsguard.errors import DnsguardError


def usage() -> str:
    """What `dnsguard --help` prints."""
    width = max(len(command.name) for command in COMMANDS)
    lines = [
        line
        for title, commands in GROUPS.items()
        for line in (f"{title}:", *(f"  {each.name.ljust(width)}  {each.text}" for each in commands), "")
    ]
    return "\n".join(
        [
            "usage: dnsguard COMMAND [...]",
            "",
            "Egress control by domain name, CIDR and label.",
            "",
            *lines,
            "dnsguard help COMMAND says more of one, with examples.",
            "",
            "exit codes:",
            *(f"  {code:3}  {text}" for code, text in EXIT_CODES.items()),
        ]
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code. Errors are said on stderr, one line each."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] in (["-h"], ["--help"]):
        print(usage())
        return 0
    if words[:1] == ["--version"]:
        words = ["version"]
    if words[:1] == ["__complete"]:  # asked by shells: see `completion`
        return _run(Command("__complete", "dnsguard.cli.completing", ""), words[1:])
    command = next((command for command in COMMANDS if words and command.name == words[0]), None)
    if command is None:
        print(f"dnsguard: {_unknown(words[0])}" if words else usage(), file=sys.stderr)
        return BAD_INPUT
    return _run(command, words[1:])


def _unknown(word: str) -> str:
    import difflib

    close = difflib.get_close_matches(word, [command.name for command in COMMANDS], n=1)
    meant = f", did you mean {close[0]}?" if close else ""
    return f"{word!r} is no command{meant}\ndnsguard help lists them"


def _started(start: Callable[[Sequence[str]], int], name: str, argv: Sequence[str]) -> int:
    """What the command returns; behind what it says of its flags come examples."""
    try:
        return start(argv)
    except SystemExit as end:
        if end.code == 0 and {"-h", "--help"} & set(argv):
            from dnsguard.cli.examples import examples_text

            if text := examples_text(name):
                print(text)
        raise


def _run(command: Command, argv: Sequence[str]) -> int:
    try:
        start = cast("Callable[[Sequence[str]], int]", import_module(command.module).main)
        code = _started(start, command.name, argv)
        sys.stdout.flush()
    except DnsguardError as error:
        from dnsguard.cli.output import harmless  # only here: it takes longer than what most commands do by themselves

        hint = code_hint(fault.cause.code for fault in getattr(error, "faults", ()))
        for line in (*str(error).splitlines(), *([hint] if hint else ())):
            print(f"dnsguard {command.name}: {harmless(line)}", file=sys.stderr)
        return int(getattr(error, "exit_code", REFUSED))
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # the reader of our output went away, as `| head` does; nothing more can be written, at exit neither
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    return code
