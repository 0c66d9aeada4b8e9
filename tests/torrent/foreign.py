"""What others do to the table, and for how long it shows."""

import time
from dataclasses import dataclass

from tests.support.lab import topology
from tests.support.lab.guard import Guard, GuardError
from tests.support.lab.process import run
from tests.torrent.engines import Engines, Found

_PATIENCE = 60.0
_CALM = 1.0
"""Seconds after the restoration that still count for what others did."""

FLUSH_RULESET = "flush ruleset"
BY_OTHERS = (
    FLUSH_RULESET,
    "delete table inet dnsguard",
    "flush table inet dnsguard",
    "flush chain inet dnsguard forward-egress",
    "insert rule inet dnsguard forward-ingress accept",
    "flush map inet dnsguard workload-egress-4",
)


@dataclass(frozen=True, slots=True)
class Gap:
    """The packets that went wrong after one thing that others did. Seconds count from when it was done."""

    command: str
    found: Found
    done: float
    restored: str
    """What the status says of it."""

    @property
    def passed(self) -> float:
        """Seconds until the last denied packet had passed."""
        return 0.0 if self.found.passed_between is None else self.found.passed_between[1] - self.done

    @property
    def lost(self) -> float:
        """Seconds until the last allowed packet was lost."""
        return 0.0 if self.found.lost_between is None else self.found.lost_between[1] - self.done

    def __str__(self) -> str:
        return (
            f"nft {self.command}: denied packets passed for {self.passed * 1000:.0f} ms "
            f"({sum(self.found.passed.values())} of them), allowed ones were lost for {self.lost * 1000:.0f} ms "
            f"({sum(self.found.lost.values())}); {self.restored}"
        )


def harm(guard: Guard, engines: Engines, command: str, name: str) -> Gap:
    """Have ``nft`` do it; returns when all has been restored for a while. Its packets count for the phase ``name``."""
    before = _restored(guard)
    engines.phase(name)
    done = time.monotonic()
    run(topology.NODE, f"nft {command}")
    give_up = time.monotonic() + _PATIENCE
    while _restored(guard) == before:
        if time.monotonic() > give_up:
            raise GuardError(f"nft {command} is not made up for\n{guard.tail()}")
        time.sleep(0.05)
    guard.await_enforced(_PATIENCE)
    time.sleep(_CALM)
    engines.phase("after it was restored")
    return Gap(command, engines.found(name), done, _restored(guard))


def _restored(guard: Guard) -> str:
    return "".join(each for each in guard.status()["warnings"] if "which was restored" in each)
