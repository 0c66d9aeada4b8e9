"""Commands of README.md and deploy/api.md, typed in as they stand there, and what is to be seen of each."""

import re
import time

from tests.support.documents import typed_in
from tests.support.shell import Shell

SAID = {
    # what a line begins with: the exit code, and what is to be seen
    "dnsguard status": (0, r"enforcing, proven \d+ s ago by canary"),
    "dnsguard apply": (0, r"globalnetworkset\.projectcalico\.org/allowed-domains-1 created"),
    "dnsguard get networkpolicies -A": (0, r"rollout-test +allow-egress-to-domains "),
    "from roll1 curl -sS https://bob.example.com": (0, r"bob\.example\.com greets 10\.244\.3\.10"),
    "from roll1 curl -sS -m 2 https://example.com": (28, r"timed out"),
    "dnsguard denied": (0, r"roll1 \(10\.244\.3\.10:\d+\) → 198\.51\.100\.1:443 .*TCP: denied by end of tier default"),
    "dnsguard explain rollout-test/roll1 bob": (0, r"Allow: .* allowed by rule 0 of GlobalNetworkPolicy"),
    "dnsguard explain rollout-test/roll1 example": (0, r"Deny: [\s\S]*\nNearest rule that allows\n"),
    "dnsguard allow": (0, r"example\.com added to[^\n]*\n[\s\S]* NetworkPolicy/rollout-test/allow-egress-to-domain \("),
    "from roll1 curl -sS https://example.com": (0, r"example\.com greets 10\.244\.3\.10"),
    "dnsguard effective": (0, r"GlobalNetworkPolicy/allow-egress-to-domain"),
    "dnsguard get tiers --stats": (0, r"default +1000000 +4 +[1-9]\d* +\d+ +0 +0 +- +[1-9]"),
    "nft list table inet dnsguard": (0, r"counter gnp-allow-egress-to-domain-egress-0"),
    "dnsguard render": (0, r"table inet dnsguard \{[\s\S]*caliroll1"),
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

STOPPED = "dnsguard restore dnsguard.tar           # while dnsguard is stopped\n"

READS = ("dnsguard status", "dnsguard denied", "dnsguard get")
"""What may show a moment later what it is to show."""

PATIENCE = 60.0


def commands(text: str) -> list[str]:
    """What a document has to be typed."""
    return [command for block in typed_in(text) for command in block.commands]


def type_in(shell: Shell, document: str, said: dict[str, tuple[int, str]]) -> None:
    """All but what needs dnsguard stopped."""
    seen = set()
    for command in commands(document):
        if command == STOPPED:
            continue
        begins = max((each for each in said if command.startswith(each)), key=len, default="")
        seen.add(begins)
        expected, pattern = said.get(begins, (0, ""))
        code, shown = shell.typed(command)
        if begins.startswith(READS):
            give_up = time.monotonic() + PATIENCE
            while not re.search(pattern, shown) and time.monotonic() < give_up:
                time.sleep(0.2)
                code, shown = shell.typed(command)
        assert code == expected, f"{command}{shown}"
        assert re.search(pattern, shown), f"{command}{shown}"
    assert seen >= said.keys()
