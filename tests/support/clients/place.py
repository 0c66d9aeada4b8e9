"""A workload's inside as its programs see it: a ``resolv.conf`` of their own, and what they send is counted there."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from tests.support.lab.process import inside, run

NSSWITCH = "passwd: files\ngroup: files\nhosts: files dns\n"

SEEN = """
table inet seen {
    counter udp4 {}
    counter udp6 {}
    counter tcp4 {}
    counter tcp6 {}
    chain out {
        type filter hook output priority 0;
        meta nfproto ipv4 udp dport 53 counter name udp4
        meta nfproto ipv6 udp dport 53 counter name udp6
        meta nfproto ipv4 tcp dport 53 tcp flags & (syn | ack) == syn counter name tcp4
        meta nfproto ipv6 tcp dport 53 tcp flags & (syn | ack) == syn counter name tcp6
    }
}
"""


@dataclass(frozen=True, slots=True)
class Said:
    """What a program printed, and what it sent meanwhile."""

    outcomes: Mapping[str, Mapping[str, str]]
    """Name → address → what became of the connection."""

    errors: Mapping[str, str]
    """Name that led nowhere → the program's own words."""

    asked: Mapping[str, int]
    """``udp4``, ``udp6``: packets to port 53; ``tcp4``, ``tcp6``: connections to it."""

    sent_again: int
    """SYN packets that were sent a second time: where a connection was not let through at once."""

    def went(self, name: str) -> Mapping[str, str]:
        return self.outcomes.get(name, {})


class Place:
    """The network namespace of a workload. ``directory`` is for files."""

    def __init__(self, namespace: str, directory: Path) -> None:
        self.namespace = namespace
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        run(namespace, f"nft -f - <<'END'\n{SEEN}\nEND")

    def execute(self, command: Sequence[str], resolv_conf: str, patience: float = 60.0) -> str:
        """Standard output of a program that finds this ``/etc/resolv.conf``; its exit status is its own business."""
        files = {"resolv.conf": resolv_conf, "nsswitch.conf": NSSWITCH, "hosts": "127.0.0.1 localhost\n::1 localhost\n"}
        binds = []
        for name, text in files.items():
            (self._directory / name).write_text(text)
            binds.append(f"[ ! -e /etc/{name} ] || mount --bind {self._directory / name} /etc/{name}")
        script = "\n".join([*binds, 'exec "$@"'])
        whole = inside(self.namespace, ["unshare", "--mount", "sh", "-euc", script, "sh", *command])
        done = subprocess.run(whole, capture_output=True, text=True, check=False, timeout=patience)
        return done.stdout + done.stderr

    def ask(
        self,
        program: Sequence[str],
        names: Sequence[str],
        resolv_conf: str,
        *,
        family: int = 0,
        port: int = 443,
        wait: int = 5000,
    ) -> Said:
        """Run one of the programs of this package. Raises AssertionError when it prints what is none of its lines."""
        self._reset()
        retransmitted = self._retransmitted()
        output = self.execute([*program, str(family), str(port), str(wait), *names], resolv_conf)
        outcomes: dict[str, dict[str, str]] = {}
        errors = {}
        for line in output.splitlines():
            fields = line.split("\t", 2)
            assert len(fields) == 3, output
            assert fields[0] in names, output
            name, address, outcome = fields
            if address == "-":
                errors[name] = outcome
            else:
                outcomes.setdefault(name, {})[str(ip_address(address))] = outcome
        return Said(outcomes, errors, self._reset(), self._retransmitted() - retransmitted)

    def _reset(self) -> dict[str, int]:
        listing = json.loads(run(self.namespace, "nft -j reset counters table inet seen"))
        counters = [entry["counter"] for entry in listing["nftables"] if "counter" in entry]
        return {counter["name"]: int(counter["packets"]) for counter in counters}

    def _retransmitted(self) -> int:
        names, values = [
            line.split()
            for line in run(self.namespace, "cat /proc/self/net/netstat").splitlines()
            if line.startswith("TcpExt:")
        ]
        return int(values[names.index("TCPSynRetrans")])
