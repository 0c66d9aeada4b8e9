"""``python -m tests.torrent``: millions of packets through a node whose dnsguard is restarted, killed, edited, flushed.

Ends with status 1 where an allowed packet was lost or a denied one passed, but for the intervals after what others did
to the table, whose lengths are printed. ``--short`` does as much as an ordinary run of the tests.
"""

import sys

from tests.support.lab.enclosure import enclosed
from tests.support.lab.guard import Guard
from tests.torrent.report import lines
from tests.torrent.run import LONG, SHORT, torrent
from tests.torrent.scene import scene


def inside() -> int:
    """The run proper. Returns the exit status."""
    with scene() as lab, Guard(lab, ["--node-name", "lab-node"]) as guard:
        outcome = torrent(lab, guard, SHORT if "--short" in sys.argv else LONG, lambda text: print(text, flush=True))
        for line in lines(outcome):
            print(line, flush=True)
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    sys.exit(enclosed("tests.torrent", inside))
