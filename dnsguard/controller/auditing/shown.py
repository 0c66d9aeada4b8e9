"""What whoever may read the audit log is shown: the newest records, from the files, and those that come."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final

from dnsguard.api.audit import AuditQuestion
from dnsguard.api.services import ReadModelUnavailable
from dnsguard.controller.auditing.chain import files_of
from dnsguard.observe.ring import Ring

WAITING: Final = 1_000
"""Lines that wait for one of them."""

BLOCK: Final = 1024 * 1024


class _Follower:
    def __init__(self, question: AuditQuestion) -> None:
        self.question = question
        self.lines: Ring[str] = Ring(WAITING)
        self.told = 0
        self.wake = asyncio.Event()


class ShownAudit:
    """Belongs to one event loop."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._followers: set[_Follower] = set()
        self._closed = False

    def put(self, line: str) -> None:
        """A line was written."""
        for follower in self._followers:
            if is_wanted(line, follower.question):
                follower.lines.put(line)
                follower.wake.set()

    async def recent(self, question: AuditQuestion) -> list[str]:
        """See dnsguard.api.services.Audit."""
        return await asyncio.to_thread(newest, self._path, question)

    async def follow(self, question: AuditQuestion) -> AsyncIterator[str]:
        """See dnsguard.api.services.Audit."""
        return self._following(question)

    async def _following(self, question: AuditQuestion) -> AsyncGenerator[str, None]:
        follower = _Follower(question)
        self._followers.add(follower)
        try:
            before = await self.recent(question)
            yield ""
            for line in before:
                yield line
            seen = set(before)  # what came while the files were read stands in both
            while not self._closed:
                await follower.wake.wait()
                follower.wake.clear()
                if lost := follower.lines.lost - follower.told:
                    follower.told += lost
                    yield json.dumps({"type": "UNLOGGED", "count": lost, "reason": "whoever watches does not keep up"})
                for line in follower.lines.take(WAITING):
                    if line not in seen:
                        yield line
                seen.clear()
        finally:
            self._followers.discard(follower)

    def close(self) -> None:
        """End what is followed: a server that waits for its connections would wait for them for ever."""
        self._closed = True
        for follower in self._followers:
            follower.wake.set()


def newest(path: Path, question: AuditQuestion) -> list[str]:
    """The newest lines that are wanted, the oldest of them first. Blocks. Raises ReadModelUnavailable."""
    found: list[str] = []
    try:
        for line in _backwards(path):
            if len(found) >= question.last:
                break
            if is_wanted(line, question):
                found.append(line)
    except OSError as error:
        raise ReadModelUnavailable(f"the audit log {path} cannot be read: {error.strerror}") from error
    return found[::-1]


def is_wanted(line: str, question: AuditQuestion) -> bool:
    """Whether a line answers a question; one that is damaged answers those that ask for all."""
    if not question.user and not question.denied:
        return True
    try:
        event: Any = json.loads(line)
        user, code = event["user"]["username"], event["responseStatus"]["code"]
    except (ValueError, KeyError, TypeError):
        return False
    return (not question.user or user == question.user) and (not question.denied or code >= 400)


def _backwards(path: Path) -> Iterator[str]:
    """Whole lines of all files, the newest first."""
    for file in reversed(files_of(path)):
        with file.open("rb") as opened:
            at = opened.seek(0, 2)
            rest = b""
            while at > 0:
                size = min(BLOCK, at)
                at -= size
                opened.seek(at)
                first, *lines = (opened.read(size) + rest).split(b"\n")
                yield from (line.decode("utf-8", "replace") for line in reversed(lines) if line)
                rest = first
            if rest:
                yield rest.decode("utf-8", "replace")
