"""The DNS log as the API serves it: asked of the forwarders over the link while somebody wants it, and kept nowhere."""

import time
from collections.abc import AsyncGenerator, Callable
from typing import Final, Protocol

from dnsguard.api.services import DnsLogQuestion, ReadModelUnavailable
from dnsguard.link.server import ForwarderState
from dnsguard.link.tails import LogTail
from dnsguard.observe.record import unlogged_line

ANSWER_SECONDS = 2.0
"""How long forwarders may take for what they have already."""

MOST: Final = 16
"""Who may be at it at a time. Each is told to every forwarder, coming and going, between what policy is told; and a
forwarder lets no more watch."""

_FULL: Final = f"{MOST} read the DNS log already"


class LogSource(Protocol):
    """See LinkServer, which is one."""

    @property
    def forwarders(self) -> tuple[ForwarderState, ...]: ...

    def dns_log(
        self, last: int, *, follow: bool, client: str = "", name: str = "", denied: bool = False
    ) -> LogTail: ...


class DnsLogModel:
    """``dnsguard.api.services.DnsLog``."""

    def __init__(self, link: LogSource, check_client: Callable[[str], object]) -> None:
        """``check_client``: raises BadClient or UnknownEndpoint for what is no client."""
        self._link = link
        self._check_client = check_client
        self._open: set[LogTail] = set()

    def close(self) -> None:
        """End what is followed: a server that waits for its connections would wait for them for ever."""
        for tail in tuple(self._open):
            tail.close()

    async def recent(self, question: DnsLogQuestion) -> list[str]:
        self._check(question)
        tail = self._ask(question, follow=False)
        try:
            found = await tail.before(ANSWER_SECONDS)
        finally:
            self._end(tail)
        if tail.problem:
            raise ReadModelUnavailable(tail.problem)
        return found

    async def follow(self, question: DnsLogQuestion) -> AsyncGenerator[str, None]:
        self._check(question)
        return self._lines(question)

    def _check(self, question: DnsLogQuestion) -> None:
        if question.client:
            self._check_client(question.client)
        if not self._link.forwarders:
            raise ReadModelUnavailable("no forwarder is connected: they have the DNS log")
        if len(self._open) >= MOST:
            raise ReadModelUnavailable(_FULL)

    def _ask(self, question: DnsLogQuestion, *, follow: bool) -> LogTail:
        tail = self._link.dns_log(
            question.last, follow=follow, client=question.client, name=question.name, denied=question.denied
        )
        self._open.add(tail)
        return tail

    def _end(self, tail: LogTail) -> None:
        self._open.discard(tail)
        tail.close()

    async def _lines(self, question: DnsLogQuestion) -> AsyncGenerator[str, None]:
        # Asked here and not earlier: lines that nobody reads must not be asked for, for ever.
        if len(self._open) >= MOST:
            yield ""
            yield unlogged_line(time.time(), 0, _FULL)
            return
        tail = self._ask(question, follow=True)
        try:
            before = await tail.before(ANSWER_SECONDS)
            yield ""
            for line in before:
                yield line
            while (records := await tail.next()) is not None:
                if records.lost:
                    yield unlogged_line(time.time(), records.lost, "whoever watches does not keep up")
                for line in records.lines:
                    yield line
            if tail.problem:
                yield unlogged_line(time.time(), 0, tail.problem)
        finally:
            self._end(tail)
