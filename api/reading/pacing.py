"""Turns for many tasks that are woken by the same event, so that neither they nor anybody else is kept waiting long.

A round lets everybody go on who waits, a few at a time: between two handfuls the event loop serves whoever else wants
something. After a round there is a rest twice as long, in which more comes together for the next: the busier the
server, the more each task finds when it wakes, and all of them together leave most of the processor to others.
"""

import asyncio

HANDFUL = 16
"""Tasks that go on in one step: with what they write, about a millisecond."""

REST = 2
"""How many times as long as the round."""

LONGEST_REST = 0.25
"""Seconds. Who follows changes does not wait longer than this, and a round."""


class Pacer:
    """Belongs to one event loop."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []
        self._round: list[asyncio.Future[None]] = []
        self._began = 0.0
        self._rested = 0.0
        """When the next round may begin."""

        self._is_running = False

    def admit(self, future: asyncio.Future[None]) -> None:
        """Resolve it when its task may go on."""
        self._waiting.append(future)
        if not self._is_running:
            self._is_running = True
            loop = asyncio.get_running_loop()
            if loop.time() >= self._rested:
                loop.call_soon(self._begin)
            else:
                loop.call_at(self._rested, self._begin)

    def _begin(self) -> None:
        self._round, self._waiting = self._waiting[::-1], []
        self._began = asyncio.get_running_loop().time()
        self._step()

    def _step(self) -> None:
        for _ in range(min(HANDFUL, len(self._round))):
            future = self._round.pop()
            if not future.done():
                future.set_result(None)
        # Behind the tasks that were woken just now.
        asyncio.get_running_loop().call_soon(self._step if self._round else self._end)

    def _end(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._rested = now + min(REST * (now - self._began), LONGEST_REST)
        if self._waiting:
            loop.call_at(self._rested, self._begin)
        else:
            self._is_running = False
