"""`dnsguard codes`, and the hint at it."""

from collections.abc import Callable

import pytest

from dnsguard.resources.codes import CODES
from tests.unit.cli.conftest import Run
from tests.unit.cli.manifests import POLICY, SET, TIER

Write = Callable[[str, str], str]


def words(text: str) -> list[str]:
    return text.split()


@pytest.mark.parametrize("word", ["V-32", "v-32"])
def test_one_code(run: Run, word: str) -> None:
    code, out, err = run("codes", word)
    assert (code, words(out), err) == (0, ["V-32", *words(CODES["V-32"])], "")


def test_some_codes(run: Run) -> None:
    assert [line.split()[0] for line in run("codes", "D-01", "limit")[1].splitlines()] == ["D-01", "limit"]
    letters = [line.split()[0] for line in run("codes", "V-53")[1].splitlines()]
    assert letters == [f"V-53{letter}" for letter in "abcdefg"]


def test_all_codes(run: Run) -> None:
    lines = run("codes")[1].splitlines()
    assert [words(line) for line in lines] == [[code, *words(text)] for code, text in CODES.items()]


def test_a_code_that_is_none(run: Run) -> None:
    code, out, err = run("codes", "V-99")
    assert (code, out) == (2, "")
    assert "'V-99' is no code; did you mean V-" in err


def test_errors_mention_the_command_once(run: Run, write: Write) -> None:
    bad = POLICY.replace("app == 'web'", "app = 'web'").replace("role == 'partner'", "role = 'x'")
    err = run("validate", "-f", write("bad.yaml", f"{TIER}---\n{bad}"))[2]
    assert len(err.splitlines()) == 3
    assert err.splitlines()[-1] == "dnsguard validate: `dnsguard codes V-20` says more about a code"


@pytest.mark.usefixtures("api")
def test_refusals_of_the_server_mention_it_too(run: Run, write: Write) -> None:
    err = run("apply", "-f", write("stray.yaml", f"{POLICY}---\n{SET}"))[2]
    assert err.splitlines()[-1] == "dnsguard apply: `dnsguard codes V-08` says more about a code"
    assert err.count("dnsguard codes") == 1


def test_errors_without_a_code_mention_nothing(run: Run, write: Write) -> None:
    assert "dnsguard codes" not in run("validate", "-f", write("bad.yaml", "a: [\n"))[2]
