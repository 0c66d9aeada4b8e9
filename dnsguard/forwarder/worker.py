"""One more process that answers, beside the forwarder that owns the leases: see ``sharing``.

It is a forwarder that writes nothing: policy comes over a link of its own, or from what the owner wrote down of it
while the controller is away, and what an answer opens is leased by the owner, with whom it ends.
"""

import asyncio
import pickle
import socket
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import NoReturn

from dnsguard.dns.relay import Relay
from dnsguard.errors import DnsguardError
from dnsguard.forwarder.process import Forwarder, every
from dnsguard.forwarder.sharing.asking import Asking
from dnsguard.handover import Handed
from dnsguard.netlink.nftables import Message
from dnsguard.service import log_as, serve_with
from dnsguard.settings import Settings

_COUNTERS_SECONDS = 1.0


class _NoKernel:
    """Where nothing is written and nothing is found: the owner does that."""

    def transact(self, messages: Sequence[Message], deadline_s: float = 5.0) -> NoReturn:  # noqa: ARG002
        raise NotOurs

    def dump(self, request: Message, parse: Callable[[list[bytes]], object], deadline_s: float = 30.0) -> NoReturn:  # noqa: ARG002
        raise NotOurs

    def ask(self, requests: Sequence[Message], deadline_s: float = 5.0) -> NoReturn:  # noqa: ARG002
        raise NotOurs


class NotOurs(DnsguardError):
    """The kernel's sets are another process's to read and write."""


class Worker(Forwarder):
    """A forwarder whose leases are the owner's. Must be made inside a running loop; ``run`` once."""

    def __init__(self, settings: Settings, handed: Sequence[Handed], asking: Asking) -> None:
        super().__init__(settings, _NoKernel(), renews=True, handed=handed, keeps=False)
        self._asking = asking
        self.lease = asking
        asking.forgotten = self._forget_ready

    def _begin(self) -> None:
        pass

    async def _open_doors(self, relay: Relay) -> None:
        pass

    async def _about_to_end(self) -> None:
        pass

    async def _end(self) -> None:
        pass

    def _start_tasks(self, tasks: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        return [
            tasks.create_task(self.enforcing.run(), name="enforcing"),
            tasks.create_task(every(_COUNTERS_SECONDS, self._tell), name="counters"),
            *self._start_common_tasks(tasks),
        ]

    def _forget_ready(self) -> None:
        super()._forget_ready()
        self._asking.forget()

    async def _tell(self) -> None:
        self._asking.tell(self.counted())


def main(argv: Sequence[str]) -> int:
    """``NUMBER CHANNEL SOCKET,SOCKET,…``: descriptors that the owner opened; its settings are on standard input.

    The exit code.
    """
    number, channel, sockets = argv
    log_as(f"worker {number}")
    settings = pickle.load(sys.stdin.buffer)  # noqa: S301 - by our own parent, over a pipe
    handed = [Handed("", socket.socket(fileno=int(each))) for each in sockets.split(",")]
    run = partial(_run, number=int(number), channel=socket.socket(fileno=int(channel)), handed=handed)
    return serve_with(settings, run)


async def _run(
    settings: Settings, stopped: asyncio.Event, *, number: int, channel: socket.socket, handed: Sequence[Handed]
) -> None:
    asking = Asking(stopped.set)
    channel.setblocking(False)
    await asyncio.get_running_loop().create_connection(lambda: asking, sock=channel)
    path = settings.dns_log_path
    own = settings.model_copy(
        update={"dns_log_file": path.with_name(f"{path.stem}-worker-{number}{path.suffix}"), "workers": 1}
    )
    await Worker(own, handed, asking).run(stopped)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
