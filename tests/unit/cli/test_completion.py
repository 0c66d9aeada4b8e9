"""Completion in real shells, with a server and without one."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dnsguard.cli import completing
from dnsguard.cli.commands import COMMANDS
from dnsguard.cli.completion import SCRIPTS
from dnsguard.cli.server import Server
from tests.unit.cli.conftest import Api, Run
from tests.unit.cli.manifests import ALL

Write = Callable[[str, str], str]


@pytest.fixture
def stocked(api: Api, run: Run, write: Write) -> Api:
    run("apply", "-f", write("all.yaml", ALL))
    return api


def completed(run: Run, line: str) -> list[str]:
    """What may stand where the line ends."""
    words = line.split(" ")
    code, out, err = run("__complete", str(len(words) - 1), *words[1:])
    assert (code, err) == (0, "")
    return [each.partition("\t")[0] for each in out.splitlines()]


def test_commands(run: Run) -> None:
    assert completed(run, "dnsguard ") == [command.name for command in COMMANDS]
    assert completed(run, "dnsguard dis") == ["disallow"]
    assert completed(run, "dnsguard help dis") == ["disallow"]
    assert completed(run, "dnsguard nosuch ") == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("dnsguard get --s", ["--selector", "--stats", "--server", "--state-dir"]),
        ("dnsguard get tiers -o ", ["json", "yaml", "wide", "name"]),
        ("dnsguard get tiers --output=y", ["--output=yaml"]),
        ("dnsguard apply -f ", [":files"]),
        ("dnsguard apply -f a.yaml ", [":files"]),
        ("dnsguard get tiers --token-file ", [":files"]),
        ("dnsguard get gn", ["gns", "gnp"]),
        ("dnsguard get tiers,globalnetworkp", ["tiers,globalnetworkpolicies"]),
        ("dnsguard completion ", ["bash", "zsh", "fish"]),
        ("dnsguard codes V-0", ["V-01", "V-02", "V-03", "V-04", "V-05", "V-06", "V-07", "V-08", "V-09"]),
    ],
)
def test_what_needs_no_server(run: Run, line: str, words: list[str]) -> None:
    found = completed(run, line)
    assert [each for each in found if each in words] == words
    assert found == words or line.endswith(("--s", "V-0"))


@pytest.mark.usefixtures("stocked")
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("dnsguard get tiers se", ["security"]),
        ("dnsguard get networkset -n shop ", ["partners"]),
        ("dnsguard get -n shop networkset ", ["partners"]),
        ("dnsguard get --namespace=shop netsets par", ["partners"]),
        ("dnsguard get networkset ", []),
        ("dnsguard delete -n shop np/sec", ["np/security.partners"]),
        ("dnsguard edit tier def", ["default"]),
        ("dnsguard get np -n def", ["default"]),
        ("dnsguard allow a.example.org -n shop --set ", ["partners"]),
        ("dnsguard allow a.example.org --global --set ", []),
    ],
)
def test_what_the_server_has(run: Run, line: str, words: list[str]) -> None:
    assert completed(run, line) == words


def test_without_a_server_it_is_silent(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DNSGUARD_SERVER", "http://127.0.0.1:1")
    monkeypatch.setenv("DNSGUARD_TOKEN", "x")
    assert completed(run, "dnsguard get tiers ") == []
    for words in ((), ("x",), ("99",), ("-1", "get")):
        assert run("__complete", *words)[::2] == (0, "")


def test_a_server_that_is_slow_is_not_waited_for(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completing, "SECONDS", 0.01)

    def slow(*_: object, **__: object) -> object:
        while True:
            pass

    monkeypatch.setenv("DNSGUARD_TOKEN", "x")
    monkeypatch.setattr(Server, "get", slow)
    assert completed(run, "dnsguard get tiers ") == []


def in_shell(tmp_path: Path, *command: str) -> str:
    (tmp_path / "dnsguard").write_text(f'#!/bin/sh\nexec {sys.executable} -m dnsguard "$@"\n')
    (tmp_path / "dnsguard").chmod(0o755)
    import os

    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


BASH = """
source <(dnsguard completion bash)
try() {
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    compopt() { echo "compopt $*"; }
    $(complete -p dnsguard | sed 's/.*-F \\([^ ]*\\).*/\\1/')
    echo "${COMPREPLY[*]}"
}
try dnsguard dis
try dnsguard get networkset -n shop ''
try dnsguard get tiers --output = y
try dnsguard apply -f ''
"""


@pytest.mark.usefixtures("stocked")
def test_bash(tmp_path: Path) -> None:
    assert in_shell(tmp_path, "bash", "-euc", BASH) == "disallow\npartners\nyaml\ncompopt -o default\n\n"


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
@pytest.mark.usefixtures("stocked")
def test_zsh(tmp_path: Path) -> None:
    script = """
        autoload -Uz compinit && compinit -u -D
        source <(dnsguard completion zsh)
        compadd() { print -l -- $found }
        _files() { print files }
        try() { words=("$@") CURRENT=$#; $_comps[dnsguard] }
        try dnsguard dis; try dnsguard get networkset -n shop ''; try dnsguard apply -f ''
    """
    assert in_shell(tmp_path, "zsh", "-fc", script) == "disallow\npartners\nfiles\n"


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
@pytest.mark.usefixtures("stocked")
def test_fish(tmp_path: Path) -> None:
    script = (
        "dnsguard completion fish | source; complete -C 'dnsguard dis'; complete -C 'dnsguard get networkset -n shop '"
    )
    lines = in_shell(tmp_path, "fish", "-Nc", script).splitlines()
    assert [line.partition("\t")[0] for line in lines] == ["disallow", "partners"]


@pytest.mark.parametrize("shell", SCRIPTS)
def test_scripts_ask_the_command_that_there_is(run: Run, shell: str) -> None:
    code, out, _ = run("completion", shell)
    assert code == 0
    assert re.search(r"__complete", out)
