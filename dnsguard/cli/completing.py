"""What may stand at one place of a command line: asked by shells, at each press of TAB. Fast, and silent whatever goes
wrong."""

import argparse
import contextlib
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from types import FrameType
from typing import Any, Final, NoReturn

from dnsguard.cli.commands import COMMANDS

FILES: Final = ":files"
"""The shell is to complete names of files."""

SECONDS: Final = 1.5
"""For everything: who waits longer for a TAB presses it again."""

MOST: Final = 500
"""Names that are asked for."""

_FILE_FLAGS: Final = frozenset(
    {"filename", "token_file", "config", "certificate_authority", "client_certificate", "client_key", "file"}
)


class _TooLate(Exception):
    pass


class _Found(Exception):
    """The parser that a command has made."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self.parser = parser


def main(argv: Sequence[str]) -> int:
    """`INDEX WORD…`: print what may stand at that place, one a line, behind a tab what it is. INDEX counts the words
    of the line, its command `dnsguard` is 0."""
    with contextlib.suppress(Exception, SystemExit):
        index = int(argv[0])
        words = [word for word in argv[1 : index + 1] if word != "="]
        current = words.pop() if len(argv) > index else ""
        signal.signal(signal.SIGALRM, _end)
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        for candidate in _candidates(words, current):
            print(candidate)
    return 0


def _end(_: int, __: FrameType | None) -> NoReturn:
    raise _TooLate


def _candidates(words: Sequence[str], current: str) -> Iterator[str]:
    if not words or words == ["help"]:
        for command in COMMANDS:
            if command.name.startswith(current):
                yield f"{command.name}\t{command.text}"
        return
    command = next(command for command in COMMANDS if command.name == words[0])
    parser = parser_of(import_module(command.module).main)
    yield from _of_parser(command.name, parser, words[1:], current)


def parser_of(start: Callable[[Sequence[str]], int]) -> argparse.ArgumentParser:
    """The parser that a command makes before it does anything else."""
    parse = argparse.ArgumentParser.parse_known_args

    def caught(parser: argparse.ArgumentParser, *_: Any, **__: Any) -> NoReturn:
        raise _Found(parser)

    argparse.ArgumentParser.parse_known_args = caught  # type: ignore[method-assign, assignment]
    try:
        start(["--help"])
    except _Found as found:
        return found.parser
    finally:
        argparse.ArgumentParser.parse_known_args = parse  # type: ignore[method-assign]
    raise LookupError(start)


def _of_parser(command: str, parser: argparse.ArgumentParser, words: Sequence[str], current: str) -> Iterator[str]:
    given: list[str] = []
    """Words that are no flags and no values of flags."""

    expecting: argparse.Action | None = None
    for place, word in enumerate(words):
        if expecting is not None and not word.startswith("-"):
            expecting = expecting if expecting.nargs in ("+", "*") else None
            continue
        expecting = None
        name, equals, _ = word.partition("=")
        action = parser._option_string_actions.get(name)
        if action is not None:
            expecting = action if action.nargs != 0 and not equals else None
        elif not word.startswith("-"):
            if inner := _subparser(parser, word):
                yield from _of_parser(f"{command} {word}", inner, words[place + 1 :], current)
                return
            given.append(word)
    flag, equals, value = current.partition("=")
    if equals and flag in parser._option_string_actions:
        for candidate in _values(parser._option_string_actions[flag], words, value):
            yield candidate if candidate == FILES else f"{flag}={candidate}"
    elif expecting is not None and not current.startswith("-"):
        yield from _values(expecting, words, current)
    elif current.startswith("-"):
        yield from _flags(parser, current)
    else:
        yield from _positional(command, parser, words, given, current)


def _subparser(parser: argparse.ArgumentParser, word: str) -> argparse.ArgumentParser | None:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction) and word in action.choices:
            found: argparse.ArgumentParser = action.choices[word]
            return found
    return None


def _flags(parser: argparse.ArgumentParser, current: str) -> Iterator[str]:
    for action in parser._actions:
        named = [option for option in action.option_strings if option.startswith(current)]
        longest = max(named, key=len, default=None)
        if longest is not None and action.help != argparse.SUPPRESS:
            yield f"{longest}\t{' '.join(str(action.help or '').split()).replace('%%', '%')}"


def _values(action: argparse.Action, words: Sequence[str], current: str) -> Iterator[str]:
    """Of a flag."""
    if action.choices is not None:
        yield from _beginning(current, map(str, action.choices))
    elif action.dest in _FILE_FLAGS or action.metavar in ("FILE", "DIRECTORY"):
        yield FILES
    elif action.dest == "namespace":
        yield from _beginning(current, _names("namespaces", "", words))
    elif action.dest == "set":
        scope = _scope(words)
        yield from _beginning(
            current, _names(*(("globalnetworksets", "") if scope is None else ("networksets", scope)), words)
        )
    elif action.dest == "client":
        yield from _endpoints(words, current)


def _positional(
    command: str, parser: argparse.ArgumentParser, words: Sequence[str], given: Sequence[str], current: str
) -> Iterator[str]:
    first = next((action for action in parser._actions if not action.option_strings), None)
    if first is None:
        return
    if first.choices is not None and not given:
        yield from _beginning(current, map(str, first.choices))
    elif command in ("get", "delete", "edit"):
        yield from _objects(words, given, current)
    elif command in ("explain", "effective", "leases"):
        yield from _endpoints(words, current)
    elif command == "codes":
        from dnsguard.resources.codes import CODES

        yield from _beginning(current, CODES)
    elif first.dest in _FILE_FLAGS or first.metavar == "FILE":
        yield FILES
    elif command == "token revoke":
        yield from _beginning(current, _names("accesstokens", "", words))


def _objects(words: Sequence[str], given: Sequence[str], current: str) -> Iterator[str]:
    """`KIND NAME…`, `KIND/NAME…`."""
    from dnsguard.resources import KINDS

    kind, slash, name = current.partition("/")
    if slash:
        yield from _beginning(current, (f"{kind}/{each}" for each in _names(kind, _scope(words) or "", words)))
    elif not given:
        before, comma, last = current.rpartition(",")
        for each in KINDS:
            for word in (each.collection, *each.short_names):
                if word.startswith(last):
                    yield f"{before}{comma}{word}\t{each.kind}, {each.api_version}"
    elif "/" not in given[0]:
        yield from _beginning(name or current, _names(given[0], _scope(words) or "", words))


def _endpoints(words: Sequence[str], current: str) -> Iterator[str]:
    from dnsguard.cli.names import names_of
    from dnsguard.resources import kind_named

    with _server(words) as server:
        found = names_of(server, kind_named("workloadendpoints"), "", {"limit": str(MOST)})
        yield from _beginning(current, (f"{namespace}/{name}" for namespace, name in found))


def _names(kind: str, namespace: str, words: Sequence[str]) -> Iterator[str]:
    """Of objects that the server has."""
    from dnsguard.cli.names import names_of
    from dnsguard.resources import kind_named

    with _server(words) as server:
        yield from (name for _, name in names_of(server, kind_named(kind), namespace, {"limit": str(MOST)}))


def _server(words: Sequence[str]) -> Any:
    """The server that the line names."""
    from dnsguard.cli.access import add_server_flags
    from dnsguard.cli.server import Server

    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    add_server_flags(parser)
    return Server.of(parser.parse_known_args(list(words))[0])


def _scope(words: Sequence[str]) -> str | None:
    """The namespace that the line names; None with --global."""
    if "--global" in words:
        return None
    for place, word in enumerate(words):
        if word in ("-n", "--namespace") and place + 1 < len(words):
            return words[place + 1]
        if word.startswith(("-n=", "--namespace=")):
            return word.partition("=")[2]
    return "default"


def _beginning(current: str, found: "Iterator[str] | Mapping[str, Any]") -> Iterator[str]:
    return (each for each in found if each.startswith(current))
