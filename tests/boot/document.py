"""What deploy/hosts.md says, typed in section by section, and what is to be seen then."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.boot.machine import Failed, Machine
from tests.support.documents import typed_in

HOSTS = Path(__file__).parents[2] / "deploy" / "hosts.md"
OUTSIDE = re.compile(r"apt-get |\S+/pip install ")
"""What needs a package registry."""

SAID = {
    # what a line begins with, and what it has then said
    "systemctl enable": r"Created symlink .*dnsguard\.service",
    "systemctl status": r"Active: active \(running\)[\s\S]*Status: \"enforcing, proven \d+ s ago by canary",
    "dnsguard status": r"enforcing, proven \d+ s ago by canary",
    "dnsguard apply": r"workloadendpoint\.projectcalico\.org/vm1 created",
    "dnsguard explain": r"Allow: .* allowed by rule 0 of GlobalNetworkPolicy",
    "systemctl show": r"StatusText=enforcing, proven",
    "journalctl": r"forwarder INFO enforcing, proven",
    "dnsguard denied": r"vm1 \(10\.65\.0\.2:\d+\) → 198\.51\.100\.66:443",
    "systemd-analyze security": r"Overall exposure level for dnsguard\.service: 1\.\d OK",
    "dnsguard backup": r"objects at revision \d+; read back and compared",
    "dnsguard uninstall": r"table inet dnsguard removed",
}


def commands(heading: str) -> list[str]:
    """Those of a section."""
    _, _, text = HOSTS.read_text().partition(f"\n## {heading}\n")
    section = text.partition("\n## ")[0]
    return [command.rstrip("\n") for block in typed_in(section) for command in block.commands]


def typed(machine: Machine, heading: str) -> Iterator[tuple[str, str]]:
    """Type a section in; each line with what it said. Raises Failed."""
    for line in commands(heading):
        said = machine.run(line, outside=OUTSIDE.match(line) is not None)
        for begins, pattern in SAID.items():
            if line.startswith(begins) and not re.search(pattern, said):
                raise Failed(f"{line}: said\n{said}\nand not {pattern}")
        yield line, said
