"""``python -m tests.fuzz.forwarder --seconds 600``: a whole forwarder between changed messages from both sides.

Ends with status 1 at the first thing that must not happen, and prints the seed of the run.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.attack import Attack, Found
from tests.support.lab.enclosure import INSIDE, enclosed
from tests.system.forwarder import rig


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.forwarder", description=__doc__)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument(INSIDE, action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


async def run(seconds: float, seed: int) -> int:
    """Returns the exit status."""
    with tempfile.TemporaryDirectory() as directory:
        async with rig(Path(directory)) as made:
            attack = Attack(made, seed)
            await attack.begin()
            until = time.monotonic() + seconds
            problem = ""
            try:
                while time.monotonic() < until:
                    await attack.round()
                attack.end()
            except Found as found:
                problem = str(found)
    for name, value in (
        ("seed", seed),
        ("queries", attack.queries),
        ("answers", f"{attack.answers}  {dict(sorted(attack.outcomes.items()))}"),
        ("upstream", f"{attack.liar.packets} packets, {attack.liar.well_formed} of them well-formed answers"),
        ("promises", f"{attack.promises} addresses in answers, all open by then"),
        ("open", f"{attack.opened} at most, all justified"),
        (
            "control",
            f"{attack.controls} answers to a client that is no part of it, who asked {attack.asked_again} times again",
        ),
    ):
        print(f"{name:<12}{value}", flush=True)
    if problem:
        print(f"FOUND       {problem}", flush=True)
        return 1
    return 0


def inside() -> int:
    given = arguments()
    return asyncio.run(run(given.seconds, time.time_ns() // 1_000_000 if given.seed is None else given.seed))


if __name__ == "__main__":
    sys.exit(enclosed("tests.fuzz.forwarder", inside))
