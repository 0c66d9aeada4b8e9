"""The README's commands, typed in as they stand there, in a network of their own: each does what is said of it."""

import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.netns import namespace

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0

SAID = {
    # what a line begins with: what is to be seen, at once or within a while
    "dnsguard apply": r"workloadendpoint\.projectcalico\.org/roll1 created",
    "dnsguard status": r"enforcing, proven \d+ s ago by canary[^\n]* with 1 problem\n.*192\.0\.2\.53:53 is down",
    "dnsguard get networkpolicies -A": r"rollout-test +allow-egress-to-domains ",
    "dnsguard explain rollout-test/roll1 bob.example.com:443": r"Allow: .* allowed by rule 0 of GlobalNetworkPolicy",
    "dnsguard explain rollout-test/roll1 example.com:443": r"Deny: [\s\S]*\nNearest rule that allows\n",
    "dnsguard allow": r"example\.com added to[^\n]*\n[\s\S]* NetworkPolicy/rollout-test/allow-egress-to-domain \(",
    "nsenter -t $workload -n timeout": r"",
    "dnsguard denied": r"roll1 \(10\.65\.0\.2:\d+\) → 192\.0\.2\.80:443 .*TCP: denied by end of tier default",
    "dnsguard get tiers --stats": r"default +1000000 +4 +0 +\d+ +0 +0 +- +[1-9]",
    "nft list table inet dnsguard": r"counter gnp-allow-egress-to-domain-egress-0",
    "dnsguard render": r"table inet dnsguard \{[\s\S]*cali1",
    "dnsguard uninstall": r"table inet dnsguard removed",
}


def blocks(section: str) -> list[list[str]]:
    """Commands of the section's code blocks, what follows ``<<END`` with them."""
    text = (ROOT / "README.md").read_text().partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    found = []
    for block in re.findall(r"^```\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        found.append(re.findall(r"[^\n]*<<END\n.*?\nEND\n|[^\n]+\n", block, re.DOTALL))
    return found


class Shell:
    """A shell, and what is typed into it. Belongs to a thread that has entered a namespace."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            ["bash"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={name: value for name, value in os.environ.items() if not name.startswith("DNSGUARD_")},
        )  # fmt: skip

    def typed(self, command: str) -> tuple[int, str]:
        """Exit code and what it says."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f'{command.rstrip()}\necho "<$?>"\n')
        self._process.stdin.flush()
        said = ""
        for line in self._process.stdout:
            if found := re.fullmatch(r"<(\d+)>\n", line):
                return int(found[1]), said
            said += line
        raise AssertionError(said)

    def typed_until(self, command: str, expected: str) -> None:
        """Again and again, until it says that."""
        give_up = time.monotonic() + PATIENCE
        while not re.search(expected, said := self.typed(command)[1]):
            assert time.monotonic() < give_up, f"{command}\n{said}"
            time.sleep(0.2)

    def close(self) -> None:
        self.typed("kill $(jobs -p); wait")
        self._process.communicate()


@pytest.fixture
def shell() -> Iterator[Shell]:
    with namespace() as place, place.entered():
        made = Shell()
        try:
            yield made
        finally:
            made.close()


@pytest.mark.timeout(180)
def test_what_the_readme_runs_does_what_it_says(shell: Shell, tmp_path: Path) -> None:
    start, then = blocks("Run it")
    seen = set()
    for command in (*start, *then, "dnsguard uninstall\n"):
        if command.startswith("unshare --net bash"):
            continue  # we are in one
        mine = command.replace("/tmp/", f"{tmp_path}/")
        if mine.startswith("dnsguard run"):
            mine = mine.replace(" &\n", f" > {tmp_path}/log 2>&1 &\n")
        if mine.startswith("dnsguard uninstall"):
            assert shell.typed("kill %1 %2; wait %2")[0] == 0
        (begins,) = [each for each in SAID if command.startswith(each)] or [""]
        seen.add(begins)
        if SAID.get(begins):
            shell.typed_until(mine, SAID[begins])
        else:
            code, said = shell.typed(mine)
            assert code == (124 if begins else 0), f"{mine}{said}"  # of `timeout`: its packets were dropped
        if mine.startswith("dnsguard run"):
            shell.typed_until("dnsguard status", "enforcing")
    assert seen >= SAID.keys()
