"""What the documents have typed in, in a trial as `make trial` opens one: it shows what they show.

One trial for all of them, so each ends with what it began with; but for README.md and deploy/api.md, which come last.
"""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.documents import Typed, typed_in
from tests.support.shell import Shell
from tests.system.walkthrough import API_SAID, SAID, STOPPED, type_in
from tests.trial.scene import trial

pytestmark = [pytest.mark.xdist_group("documents"), pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
TYPED = (
    *("getting-started.md", "how-to.md", "compared.md", "dns.md", "operating.md"),
    pytest.param("troubleshooting.md", marks=pytest.mark.soak),  # starts dnsguard three times
)

CHANGES = re.compile(
    r"&$|\b(?:dnsguard (?:apply|allow|disallow|delete|token|run|uninstall)|kubectl (?:apply|label|delete)|kill)\b", re.M
)
"""What is not typed again where it does not show at once what it should."""

PATIENCE = 30.0
STORED = "dnsguard get tier,gnp,sgnp,gns,hep,ns -o name; dnsguard get np,snp,netset,wep -A -o name"


@pytest.fixture(scope="module")
def trial_shell() -> Iterator[Shell]:
    """In a trial as `make trial` opens one."""
    with trial() as made:
        opened = Shell(made.directory, made.shell(), environment=made.environment)
        try:
            assert opened.typed(". ./start") == (0, "")
            yield opened
        finally:
            opened.close()


@pytest.mark.parametrize("name", TYPED)
def test_what_is_typed_shows_what_the_document_shows(trial_shell: Shell, name: str) -> None:
    before = trial_shell.typed(STORED)
    for block in typed_in((DEPLOY / name).read_text()):
        codes, said = typed(trial_shell, block)
        give_up = time.monotonic() + (0 if CHANGES.search("\n".join(block.commands)) else PATIENCE)
        while not block.is_shown_by(said) and time.monotonic() < give_up:
            time.sleep(0.2)
            codes, said = typed(trial_shell, block)
        assert block.is_shown_by(said), f"{name}:{block.line} shows\n{block.shows}\nand said\n{said}"
        assert block.shows is not None or not any(codes), f"{name}:{block.line}: {codes}\n{said}"
    assert trial_shell.typed(STORED) == before, f"what {name} made is undone"


def typed(shell: Shell, block: Typed) -> tuple[list[int], str]:
    """The exit codes, and what is said in all."""
    answers = [shell.typed(command) for command in block.commands]
    return [code for code, _ in answers], "".join(said for _, said in answers)


def test_what_the_readme_and_the_api_document_run_does_what_they_say(trial_shell: Shell) -> None:
    trial = (ROOT / "README.md").read_text().partition("\n## Run it\n")[2].partition("\n## ")[0]
    type_in(trial_shell, trial, SAID)
    type_in(trial_shell, (DEPLOY / "api.md").read_text(), API_SAID)
    assert trial_shell.typed("kill %dnsguard; wait %dnsguard") == (0, "")
    assert trial_shell.typed(STOPPED)[0] == 0
    assert trial_shell.typed("dnsguard uninstall") == (
        0,
        "table inet dnsguard removed: dnsguard enforces nothing any more\n",
    )
