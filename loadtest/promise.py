"""Whether an answer is never ahead of the firewall: look-ups that are each followed at once by a packet.

The whole program enforces policy under which clients may go only where names lead them, over UDP and TCP; policy and
endpoints change all the time. Behind the node a counter of the kernel tells how many packets arrived. Ends with status
1 where one was lost, or one arrived that nobody was led to, with 2 where it cannot run at all.
"""

import argparse
import json
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx

from loadtest import report
from loadtest.dns.dnsperf import LoadError
from loadtest.dns.following import CLOSED, Followed, Plan, followed
from loadtest.dns.product import PORT, Product
from loadtest.dns.query import NotStarted
from loadtest.dns.site import LISTEN, UPSTREAM, Site, client, site
from loadtest.dns.upstream import upstream
from loadtest.network import move
from tests.support.lab.isolate import IsolationError

LOOKUPS = 1_000_000
CLIENTS = 32
NAMES = 16_000
"""Of each client, over and over: below what dnsguard lets one client make it learn."""

_COUNTING = f"""
table inet sink {{
    counter datagrams {{ }}
    counter segments {{ }}
    counter closed {{ }}
    chain every {{
        type filter hook prerouting priority raw
        ip daddr {CLOSED}/17 counter name closed drop
        udp dport {PORT} counter name datagrams drop
        tcp dport {PORT} tcp flags syn counter name segments drop
    }}
}}
"""
_COUNTED = re.compile(r"counter (\w+) \{\s+packets (\d+)")


@dataclass(frozen=True, slots=True)
class Kept:
    """Look-ups, packets sent, and packets that arrived."""

    followed: Followed
    arrived: dict[str, int]
    changes: int

    @property
    def lost(self) -> int:
        return self.followed.udp + self.followed.tcp - self.arrived["datagrams"] - self.arrived["segments"]

    @property
    def let_through(self) -> int:
        """Packets that no look-up had led to."""
        return self.arrived["closed"]

    @property
    def is_wrong(self) -> bool:
        followed = self.followed
        return bool(self.lost or self.let_through or followed.failed or followed.wrong or followed.unanswered)


def measure(lookups: int, clients: int, distinct: int, *, churn: bool) -> Kept:
    """The process must be alone in its network."""
    with (
        tempfile.TemporaryDirectory(prefix="promise-") as directory,
        site(Path(directory), clients) as place,
        upstream(place, distinct),
    ):
        _prepare(place)
        with Product(place, clients) as product, product.changing() if churn else nullcontext():
            plan = Plan(LISTEN, tuple(client(number) for number in range(clients)), lookups, distinct, PORT)
            found = followed(place.clients, plan)
        return Kept(found, _arrived(place), product.changes)


def _prepare(place: Site) -> None:
    """Packets to where names lead go to the name server's network, which counts them; what nobody answers is soon
    forgotten by the node."""
    place.node.run(f"ip route add 198.18.0.0/15 via {UPSTREAM}")
    place.server.run("nft -f -", _COUNTING)
    place.node.run("nft add table inet tracking")
    for name in ("udp_timeout", "tcp_timeout_syn_sent"):
        place.node.run(f"sysctl -qew net.netfilter.nf_conntrack_{name}=1")


def _arrived(place: Site) -> dict[str, int]:
    listing = place.server.run("nft list counters table inet sink")
    return {name: int(count) for name, count in _COUNTED.findall(listing)}


def lines(kept: Kept) -> Iterator[str]:
    """The report."""
    found = kept.followed
    yield (
        f"{found.answered} look-ups in {found.seconds:.0f} s ({found.answered / max(found.seconds, 1e-9):.0f}/s), "
        f"{kept.changes} changes of policy and endpoints meanwhile"
    )
    arrived = f"{kept.arrived['datagrams']} and {kept.arrived['segments']}"
    yield f"packets at once after the answer: {found.udp} UDP, {found.tcp} TCP SYN; arrived {arrived}; LOST {kept.lost}"
    yield f"packets to where nobody was led: {found.closed}; let through {kept.let_through}"
    yield (
        f"look-ups: {found.failed} failed, {found.unanswered} unanswered, {found.wrong} wrong, "
        f"{found.again} asked once more after 2 s of silence"
    )


def main(arguments: Sequence[str]) -> int:
    """The exit status; the report goes to standard output."""
    parser = argparse.ArgumentParser("python -m loadtest.promise", description=(__doc__ or "").split("\n\n")[0])
    add = parser.add_argument
    add("--lookups", type=int, default=LOOKUPS)
    add("--clients", type=int, default=CLIENTS)
    add("--names", type=int, default=NAMES, help="of each client, over and over")
    add("--no-churn", dest="churn", action="store_false", help="let policy and endpoints be")
    add("--json", type=Path, metavar="FILE", help="write the figures there, too")
    given = parser.parse_args(arguments)
    if min(given.lookups, given.clients, given.names) < 1:
        parser.error("look-ups, clients and names are at least 1")
    conditions = report.machine()
    try:
        move("loadtest.promise", arguments)
        kept = measure(given.lookups, given.clients, given.names, churn=given.churn)
    except (IsolationError, NotStarted, LoadError, OSError, httpx.HTTPError) as error:
        print(f"loadtest: {error}", file=sys.stderr)
        return 2
    print(report.listed(conditions))
    for line in lines(kept):
        print(line)
    if given.json is not None:
        given.json.write_text(json.dumps({"conditions": conditions} | asdict(kept), indent=1) + "\n")
    return 1 if kept.is_wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
