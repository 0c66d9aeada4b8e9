"""What `--help` shows as examples can be typed."""

import argparse
import re
import shlex
from importlib import import_module
from typing import Any, NoReturn

import pytest

from dnsguard.cli.commands import COMMANDS, Command
from dnsguard.cli.examples import EXAMPLES, examples_text
from tests.unit.cli.conftest import Run

OURS = [(command, row.line) for command in COMMANDS for row in EXAMPLES.get(command.name, ())]


class _Parsed(Exception):
    pass


def test_every_command_has_examples() -> None:
    assert {command.name for command in COMMANDS} <= EXAMPLES.keys()
    assert all(2 <= len(rows) <= 4 for rows in EXAMPLES.values())


@pytest.mark.parametrize(("command", "line"), OURS, ids=[line for _, line in OURS])
def test_an_example_is_what_the_command_takes(command: Command, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parsed and no more: an argument that is none ends with SystemExit."""
    parse = argparse.ArgumentParser.parse_known_args

    def parsed(parser: argparse.ArgumentParser, words: Any = None, namespace: Any = None) -> NoReturn:
        _, rest = parse(parser, words, namespace)
        assert not rest, rest
        raise _Parsed

    monkeypatch.setattr(argparse.ArgumentParser, "parse_known_args", parsed)
    monkeypatch.setattr(argparse.ArgumentParser, "parse_known_intermixed_args", parsed)
    said = re.search(r"dnsguard [^|)>]*", line)
    assert said is not None
    name, *words = shlex.split(said[0])[1:]
    assert name == command.name
    with pytest.raises(_Parsed):
        import_module(command.module).main(words)


@pytest.mark.parametrize("command", COMMANDS, ids=[command.name for command in COMMANDS])
def test_help_ends_with_them(command: Command, run: Run) -> None:
    assert run(command.name, "--help")[1].endswith(f"{examples_text(command.name)}\n")
    code, out, err = run("help", command.name)
    assert (code, err) == (0, "")
    assert out.endswith(f"{EXAMPLES[command.name][-1].line}\n")
