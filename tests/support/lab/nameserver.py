"""A real name server: knotd with the lab's records, serving the root zone so that aliases may lead anywhere."""

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import dnslib

from tests.support.lab.process import Remote, inside
from tests.support.lab.topology import BULK_DOMAIN, BULK_NETWORK, Record

CONFIGURATION = """
server:
  rundir: "{directory}"
  listen: [{listen}]
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
log:
  - target: stderr
    any: warning
database:
  storage: "{directory}"
mod-synthrecord:
  - id: bulk
    type: forward
    prefix: n-
    ttl: 300
    network: {bulk_network}
template:
  - id: default
    storage: "{directory}"
    zonefile-sync: -1
    journal-content: none
    semantic-checks: off
zone:
  - domain: .
    file: root.zone
  - domain: {bulk_domain}
    file: bulk.zone
    module: mod-synthrecord/bulk
"""

ZONE_HEAD = """$TTL 300
@ SOA ns.invalid. hostmaster.invalid. 1 3600 600 86400 30
@ NS ns.invalid.
"""


class NameServer:
    """One knotd. It can be stopped and started again, as servers do."""

    def __init__(self, namespace: str, addresses: Sequence[str], records: Sequence[Record], directory: Path) -> None:
        self.namespace = namespace
        self.addresses = tuple(addresses)
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        directory.mkdir(parents=True)
        lines = [f"{record.owner}. {record.ttl} {record.type} {_value(record)}" for record in records]
        (directory / "root.zone").write_text(ZONE_HEAD + "\n".join(lines) + "\n")
        (directory / "bulk.zone").write_text(ZONE_HEAD)
        (directory / "knot.conf").write_text(
            CONFIGURATION.format(
                directory=directory,
                listen=", ".join(f"{address}@53" for address in addresses),
                bulk_network=BULK_NETWORK,
                bulk_domain=BULK_DOMAIN,
            )
        )

    def start(self, log: IO[bytes]) -> None:
        """Start it; ``await_ready`` tells when it answers."""
        command = inside(self.namespace, ["knotd", "-c", str(self._directory / "knot.conf")])
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def await_ready(self, agent: Remote, patience: float = 60.0) -> None:
        """Return once it answers the agent (which waits for each answer, so this is no busy loop)."""
        query = bytes(dnslib.DNSRecord.question(".", "SOA").pack()).hex()
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                raise RuntimeError(f"knotd in {self.namespace} ended; its words are in the lab's log")
            if agent.call("exchange", server=self.addresses[0], message=query, transport="udp", wait=0.1)["reply"]:
                return
        raise RuntimeError(f"knotd in {self.namespace} does not answer")

    def stop(self) -> None:
        """End it; asking twice is harmless."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def _value(record: Record) -> str:
    return f"{record.value}." if record.type == "CNAME" else record.value
