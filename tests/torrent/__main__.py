"""``python -m tests.torrent``: millions of packets through a node whose dnsguard is restarted, killed, edited, flushed.

Ends with status 1 where an allowed packet was lost or a denied one passed, but for the intervals after what others did
to the table, whose lengths are printed.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import fields, replace

from tests.support.lab.enclosure import INSIDE, enclosed
from tests.support.lab.guard import Guard
from tests.torrent.report import lines
from tests.torrent.run import LONG, SHORT, Size, torrent
from tests.torrent.scene import scene


def inside(size: Size) -> int:
    """The run proper. Returns the exit status."""
    with scene() as lab, Guard(lab, ["--node-name", "lab-node"]) as guard:
        outcome = torrent(lab, guard, size, lambda text: print(text, flush=True))
        for line in lines(outcome):
            print(line, flush=True)
    return 1 if outcome.wrong else 0


def size_of(words: Sequence[str]) -> Size:
    """How much is to be done, by the command line."""
    parser = argparse.ArgumentParser("python -m tests.torrent", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--short", action="store_true", help="as much as an ordinary run of the tests does")
    numbers = [each.name for each in fields(Size) if each.type is int]
    for name in numbers:
        parser.add_argument(f"--{name}", type=int, help=f"{getattr(LONG, name)} unless said otherwise")
    given = vars(parser.parse_args(words))
    chosen = {name: given[name] for name in numbers if given[name] is not None}
    return replace(SHORT if given["short"] else LONG, **chosen)


if __name__ == "__main__":
    own = size_of([word for word in sys.argv[1:] if word != INSIDE])
    sys.exit(enclosed("tests.torrent", lambda: inside(own)))
