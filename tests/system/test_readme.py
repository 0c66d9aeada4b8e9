"""Commands of README.md and then of deploy/api.md, typed in as they stand there, in a network of their own: each does
what is said of it."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.documents import typed_in
from tests.support.netns import namespace
from tests.support.shell import Shell

ROOT = Path(__file__).parents[2]
UNSET = {name: value for name, value in os.environ.items() if not name.startswith("DNSGUARD_")}

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

API_SAID = {
    # what a line begins with: the exit code, and what is to be seen
    "kubectl auth whoami": (0, r"Username +admin\n"),
    "kubectl get networkpolicies": (0, r"rollout-test +allow-egress-to-domains +default "),
    "kubectl explain": (0, r"FIELD: domains "),
    "kubectl wait": (0, r"condition met"),
    "kubectl patch": (0, r"allowed-domains-1 patched"),
    "kubectl diff -f": (1, r"\A(?![\s\S]*annotations)[\s\S]*\n-  - example\.org\n"),
    "curl -s --unix-socket $DNSGUARD_RUN_DIR/api.sock http://localhost/v1/status": (0, r'"ready":true'),
    "curl -s --cacert": (0, r'"kind":"Network(Policy|Set)List"'),
    "curl -s --unix-socket $DNSGUARD_RUN_DIR/api.sock -X PATCH": (
        0,
        r'"192.0.2.0/24","field":"nets","outcome":"added"',
    ),
    "dnsguard token create": (0, r"ci may do what cluster role edit allows in namespace rollout-test"),
    "dnsguard token revoke": (0, r"ci revoked"),
    "kubectl auth can-i": (0, r"^yes\n"),
    "kubectl delete": (
        1,
        r'cannot delete [\s\S]*in tier "platform" and namespace "rollout-test" \(user cannot get tier\)',
    ),
    "kubectl get networkset": (0, r"managedFields:"),
    "timeout 2 curl -sN": (124, r"event: denied\ndata: "),
    "dnsguard allow": (0, r"added to networkset rollout-test/allowed-domains-1"),
    "dnsguard diff": (1, r"NetworkSet rollout-test/allowed-domains-1"),
    "dnsguard apply": (0, r"networkset.projectcalico.org/allowed-domains-1 configured"),
    "dnsguard backup": (0, r"objects at revision \d+; read back and compared"),
}

AFTERWARDS = (
    "kill %1 %2; wait %2\n",
    "dnsguard restore /tmp/dnsguard.tar           # while dnsguard is stopped\n",
    "dnsguard uninstall\n",
)


def commands(text: str) -> list[str]:
    """What a document has to be typed."""
    return [command for block in typed_in(text) for command in block.commands]


@pytest.fixture
def shell() -> Iterator[Shell]:
    with namespace() as place, place.entered():
        made = Shell(ROOT, environment=UNSET)
        try:
            yield made
        finally:
            made.close()


@pytest.mark.timeout(180)
def test_what_the_documents_run_does_what_they_say(shell: Shell, tmp_path: Path) -> None:
    trial = (ROOT / "README.md").read_text().partition("\n## Run it\n")[2].partition("\n## ")[0]
    seen = set()
    for command in (*commands(trial), *AFTERWARDS):
        if command.startswith("unshare --net bash"):
            continue  # we are in one
        if command == AFTERWARDS[0]:
            type_in_what_the_api_document_runs(shell, tmp_path)
        mine = command.replace("/tmp/", f"{tmp_path}/")
        if mine.startswith("dnsguard run"):
            mine = mine.replace(" &\n", f" > {tmp_path}/log 2>&1 &\n")
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


def type_in_what_the_api_document_runs(shell: Shell, directory: Path) -> None:
    """All but what needs the controller stopped."""
    assert shell.typed(f"export HOME={directory}") == (0, "")  # kubectl's, for what it keeps
    seen = set()
    for command in commands((ROOT / "deploy" / "api.md").read_text()):
        if command in AFTERWARDS:
            continue
        begins = max((each for each in API_SAID if command.startswith(each)), key=len, default="")
        seen.add(begins)
        expected, pattern = API_SAID.get(begins, (0, ""))
        code, said = shell.typed(command.replace("/tmp/", f"{directory}/"))
        assert code == expected, f"{command}{said}"
        assert re.search(pattern, said), f"{command}{said}"
    assert seen >= API_SAID.keys()
