"""The command line as a whole."""

import argparse
import os
import subprocess
import sys
from importlib import import_module

import pytest

from dnsguard.cli import main as command_line
from dnsguard.cli.commands import COMMANDS, Command
from dnsguard.cli.errors import EXIT_CODES
from dnsguard.settings import SettingsError
from tests.unit.cli.conftest import Run


def test_help_lists_every_command(run: Run) -> None:
    for words in (("--help",), ("-h",), ("help",)):
        code, out, err = run(*words)
        assert (code, err) == (0, "")
        assert all(f"  {command.name} " in out for command in COMMANDS)


def test_without_a_command_there_is_what_help_says(run: Run) -> None:
    assert run() == (2, "", f"{command_line.usage()}\n")


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("nosuch", "'nosuch' is no command"),
        ("--nosuch", "'--nosuch' is no command"),
        ("aply", "'aply' is no command, did you mean apply?"),
    ],
)
def test_a_word_that_is_no_command(run: Run, word: str, said: str) -> None:
    assert run(word) == (2, "", f"dnsguard: {said}\ndnsguard help lists them\n")


@pytest.mark.parametrize("command", COMMANDS, ids=[command.name for command in COMMANDS])
def test_every_command_has_a_module_that_says_how_it_is_used(run: Run, command: Command) -> None:
    assert callable(import_module(command.module).main)
    code, out, _ = run(command.name, "--help")
    assert code == 0
    assert f"usage: dnsguard {command.name}" in out


@pytest.mark.parametrize("command", COMMANDS, ids=[command.name for command in COMMANDS])
def test_help_says_something_of_every_flag(command: Command, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[argparse.ArgumentParser] = []
    monkeypatch.setattr(argparse.ArgumentParser, "print_help", lambda parser, _=None: seen.append(parser))
    run(command.name, "--help")
    (parser,) = seen
    assert [action.dest for action in parser._actions if not action.help] == []


def test_version(run: Run) -> None:
    for words in (("version",), ("--version",)):
        assert run(*words)[1].startswith("dnsguard ")


def test_errors_are_said_line_by_line_with_their_exit_code(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> int:
        raise SettingsError(["a: wrong", "b: wrong"])

    monkeypatch.setattr("dnsguard.cli.version.main", fail)
    assert run("version") == (2, "", "dnsguard version: a: wrong\ndnsguard version: b: wrong\n")


def test_an_interrupt_ends_quietly(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("dnsguard.cli.version.main", interrupt)
    assert run("version") == (130, "", "")


def test_a_reader_that_goes_away_is_no_error() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "wb") as closed_pipe:
        done = subprocess.run(
            [sys.executable, "-m", "dnsguard", "version"], stdout=closed_pipe, stderr=subprocess.PIPE, check=False
        )
    assert (done.returncode, done.stderr) == (141, b"")


SPEAKING = {"pydantic", "httpx", "yaml", "fastapi", "asyncio", "uvicorn", "dnsguard.resources.policy"}
"""What a command does without that asks the server and no more."""

ALONE = SPEAKING | {"ssl", "http.client"}


@pytest.mark.parametrize(
    ("words", "heavy"),
    [
        (("version",), ALONE),
        (("--help",), ALONE),
        (("codes", "V-08"), ALONE),
        (("get", "--help"), SPEAKING),
        (("apply", "--help"), SPEAKING),
        (("delete", "--help"), SPEAKING),
        (("status", "--help"), SPEAKING),
        (("explain", "--help"), SPEAKING),
        (("get", "tiers"), SPEAKING),
        (("get", "networkpolicies", "-A", "-o", "json"), SPEAKING),
        (("delete", "tier", "security"), SPEAKING),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, tuple) else "without",
)
@pytest.mark.usefixtures("api")
def test_commands_import_nothing_they_do_not_need(words: tuple[str, ...], heavy: set[str]) -> None:
    code = f"""
import sys
from dnsguard.cli.main import main
try:
    main({words!r})
except SystemExit:
    pass
print(*sys.modules, file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "dnsguard.cli.main" in done.stderr
    assert not heavy & set(done.stderr.split())


def test_the_command_table_is_what_runs() -> None:
    assert command_line.usage().count("\n  ") == len(COMMANDS) + len(EXIT_CODES)
