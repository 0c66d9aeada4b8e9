"""What is plugged into the machine's bridges, as it changes."""

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import Callable

from dnsguard.dataplane.ports import BridgePorts
from dnsguard.netlink.bridges import concerns_bridges, machine_bridges, watch_links

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
"""Between two looks where there are no news: the kernel may lose some."""

QUIET_SECONDS = 0.02
"""After news, so that what changes together is looked at once."""

_DATAGRAM = 1 << 16


def plugged() -> BridgePorts:
    """Port and bridge of everything. Blocks for a moment. Raises OSError."""
    return machine_bridges().ports


class Plugs:
    """``run`` is one task; ``ports`` may be read from any thread."""

    def __init__(self, changed: Callable[[], None]) -> None:
        """``changed`` is called when something was plugged in, out or over."""
        self._changed = changed
        self._news = asyncio.Event()
        self.ports: BridgePorts = ()
        self.problem = ""
        """Why that is not known; empty when all is well."""

    def look(self) -> None:
        """Blocks for a moment."""
        try:
            self.ports = plugged()
        except OSError as error:
            self.problem = f"what is plugged into bridges cannot be read: {error.strerror or error}"
        else:
            self.problem = ""

    async def run(self) -> None:
        """Until cancelled. Where there are no news, each look finds what has changed."""
        with contextlib.ExitStack() as stack:
            try:
                news = stack.enter_context(watch_links())
            except OSError as error:
                log.error("no news of bridges, which are looked at every %g s: %s", LOOK_SECONDS, error)
            else:
                loop = asyncio.get_running_loop()
                loop.add_reader(news, self._hear, news)
                stack.callback(loop.remove_reader, news)
            await self._keep_looking()

    async def _keep_looking(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._news.wait()
                    await asyncio.sleep(QUIET_SECONDS)
            self._news.clear()
            before, troubled = self.ports, self.problem
            await asyncio.to_thread(self.look)
            if self.problem and self.problem != troubled:
                log.error("%s", self.problem)
            if self.ports != before:
                self._changed()

    def _hear(self, news: socket.socket) -> None:
        """Reads what there is; most of it is about links that are no ports."""
        while True:
            try:
                datagram = news.recv(_DATAGRAM)
            except BlockingIOError:
                return
            except OSError as error:
                self._news.set()
                if error.errno == errno.ENOBUFS:  # news were lost
                    continue
                log.error("no more news of bridges, which are looked at every %g s: %s", LOOK_SECONDS, error)
                asyncio.get_running_loop().remove_reader(news)
                return
            if concerns_bridges(datagram):
                self._news.set()
