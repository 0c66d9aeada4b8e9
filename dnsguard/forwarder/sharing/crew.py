"""The owner's workers: started with their sockets, started again when they die, ended with us."""

import asyncio
import logging
import pickle
import socket
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from dnsguard.backoff import Backoff
from dnsguard.dns.hooks import Lease
from dnsguard.dns.listen.binding import Place, bound_for_workers
from dnsguard.dns.listen.handed import pairs
from dnsguard.forwarder.faults import CannotStart
from dnsguard.forwarder.sharing.desk import Desk
from dnsguard.handover import Handed
from dnsguard.settings import Settings

log = logging.getLogger(__name__)

_SILENT: Final = 30
"""Looks, a second apart, that find nothing new said by a worker, which counts aloud every second: then it hangs, and
whoever asks it waits in vain. Looks and not seconds, for we may have hung ourselves."""

_PATIENCE: Final = 5.0
"""Seconds a worker has to stop before it is killed: less than we have ourselves."""


def divided(handed: Sequence[Handed], places: Sequence[Place], workers: int) -> list[list[Handed]]:
    """The sockets of each of the workers: those that were handed down, or such as are made now.

    We keep all of them open, so what is asked while a worker is started again waits. Raises CannotStart, BadHandover.
    """
    if handed:
        return [
            [Handed("", sock) for pair in each.values() for sock in (pair.udp, pair.tcp) if sock is not None]
            for each in pairs(handed, places, workers)
        ]
    try:
        return bound_for_workers(places, workers)
    except OSError as error:
        raise CannotStart(f"listen: cannot listen on {places}: {error.strerror or error}") from None


class Crew:
    """Belongs to one event loop. ``run`` is its task; cancelled, it ends the workers and waits for them."""

    def __init__(self, settings: Settings, sockets: Sequence[Sequence[Handed]], lease: Lease) -> None:
        """``settings``: ours, handed down as they are, whatever a file says by the time that a worker is started again;
        ``sockets``: of each worker."""
        self._settings = pickle.dumps(settings)
        self._sockets = sockets
        self._lease = lease
        self._desks: dict[int, Desk] = {}
        self._gone: Counter[str] = Counter()

    def counters(self) -> Mapping[str, int]:
        """What all workers counted, also those that are no more."""
        total = Counter(self._gone)
        for desk in self._desks.values():
            total.update(desk.counters)
        return total

    def forget(self) -> None:
        """What is to be leased has changed: no worker goes by what it was told before."""
        for desk in self._desks.values():
            desk.forget()

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for number, sockets in enumerate(self._sockets, 1):
                tasks.create_task(self._keep(number, sockets), name=f"worker-{number}")

    async def _keep(self, number: int, sockets: Sequence[Handed]) -> None:
        loop = asyncio.get_running_loop()
        backoff = Backoff()
        while True:
            started = loop.time()
            try:
                ended = f"ended with code {await self._live(number, sockets)}"
            except OSError as error:  # no memory or no descriptor left: for one more process, not for those there are
                ended = f"cannot be started: {error.strerror or error}"
            wait = backoff.after(loop.time() - started)
            log.error("worker %d %s; starting again in %.1f s", number, ended, wait)
            await asyncio.sleep(wait)

    async def _live(self, number: int, sockets: Sequence[Handed]) -> int:
        """One life of a worker; its exit code."""
        ours, theirs = socket.socketpair()
        with theirs:
            descriptors = [each.socket.fileno() for each in sockets]
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "dnsguard.forwarder.worker",
                str(number), str(theirs.fileno()), ",".join(map(str, descriptors)),
                pass_fds=(theirs.fileno(), *descriptors), stdin=asyncio.subprocess.PIPE,
            )  # fmt: skip
        assert process.stdin is not None  # noqa: S101 - a pipe was asked for
        process.stdin.write(self._settings)
        process.stdin.close()
        desk = self._desks[number] = Desk(self._lease)
        await asyncio.get_running_loop().create_connection(lambda: desk, sock=ours)
        watching = asyncio.create_task(_kill_when_silent(process, desk, number), name=f"watch-worker-{number}")
        try:
            return await process.wait()
        finally:
            watching.cancel()
            desk.close()  # which ends it, if it lives
            self._gone.update(self._desks.pop(number).counters)
            if process.returncode is None:
                await _end(process)


async def _kill_when_silent(process: asyncio.subprocess.Process, desk: Desk, number: int) -> None:
    silent = 0
    while silent < _SILENT:
        desk.heard = False
        await asyncio.sleep(1.0)
        silent = 0 if desk.heard else silent + 1
    log.error("worker %d hangs: killing it", number)
    process.kill()


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ended when this returns, in order or not."""
    process.terminate()
    try:
        async with asyncio.timeout(_PATIENCE):
            await process.wait()
    except TimeoutError:  # it hangs, or somebody has stopped it: then it would outlive us, with our sockets
        process.kill()
        await process.wait()
