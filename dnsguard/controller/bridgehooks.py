"""Keeps what passes between ports of workloads' bridges coming by the IP hooks, where policy judges it.

Of each such bridge alone, as far as the machine does not do it for all of them. Where it cannot be had, the table of
family ``bridge`` drops what no policy has judged.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from dnsguard.files import replace_file
from dnsguard.netlink.bridges import all_call, has_bridge_hooks, machine_bridges, set_calls

log = logging.getLogger(__name__)

MARKER_FILE = "bridges.json"
LOOK_SECONDS = 1.0
"""Between two looks whether it is still so."""

_MISSING = (
    "what passes between ports of {bridges} is dropped, for no policy can judge it: there is no br_netfilter on this"
    " machine (modprobe br_netfilter)"
)


class BridgeHooks:
    """``run`` is one task."""

    def __init__(self, state_dir: Path, wanted: Callable[[], Sequence[str]], seconds: float = LOOK_SECONDS) -> None:
        """``wanted``: the bridges that have workloads now."""
        self._marker = state_dir / MARKER_FILE
        self._wanted = wanted
        self._seconds = seconds
        self._woken = asyncio.Event()
        self.problems: tuple[str, ...] = ()
        """Why packets between workloads are dropped; none when all is well."""

    def wake(self) -> None:
        """Other bridges may have workloads now."""
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.look()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._seconds):
                    await self._woken.wait()
            self._woken.clear()

    async def look(self) -> None:
        """Once."""
        problems = await asyncio.to_thread(self._ensure, tuple(self._wanted()))
        for problem in problems:
            if problem not in self.problems:
                log.error("%s", problem)
        self.problems = problems

    def _ensure(self, wanted: tuple[str, ...]) -> tuple[str, ...]:
        if not wanted:
            return ()
        if not has_bridge_hooks():
            return (_MISSING.format(bridges=", ".join(wanted)),)
        try:
            self._turn_on(wanted)
        except OSError as error:
            return (f"packets between ports of {', '.join(wanted)} cannot be judged: {error.strerror or error}",)
        return ()

    def _turn_on(self, wanted: tuple[str, ...]) -> None:
        everywhere = all_call()
        bridges = machine_bridges().bridges
        for name in wanted:
            bridge = bridges.get(name)
            if bridge is None or all(one or own for one, own in zip(everywhere, bridge.calls, strict=True)):
                continue
            self._note(name, bridge.calls)
            set_calls(bridge.link, (True, True))
            log.info("what passes between ports of %s comes by the IP hooks from now on", name)

    def _note(self, name: str, calls: tuple[bool, bool]) -> None:
        """What it was before, for `restore_bridges`; what an earlier run noted counts."""
        noted = _noted(self._marker)
        if name not in noted:
            replace_file(self._marker, [json.dumps({**noted, name: calls}).encode()])


def restore_bridges(state_dir: Path) -> bool:
    """Have bridges do as they did before; whether there was anything to do. Blocks for a moment. Raises OSError."""
    marker = state_dir / MARKER_FILE
    noted = _noted(marker)
    bridges = machine_bridges().bridges if noted else {}
    for name, calls in noted.items():
        if name in bridges:
            set_calls(bridges[name].link, calls)
    marker.unlink(missing_ok=True)
    return bool(noted)


def _noted(marker: Path) -> dict[str, tuple[bool, bool]]:
    try:
        return {name: (bool(calls[0]), bool(calls[1])) for name, calls in json.loads(marker.read_text()).items()}
    except (FileNotFoundError, ValueError):
        return {}
