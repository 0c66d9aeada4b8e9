"""The status as it changes, for those who follow it: asked for once a second for all of them, and not at all for
nobody."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Final

from dnsguard.api.services import Status
from dnsguard.api.views.models import ForwarderState, StatusReport

LOOK_SECONDS: Final = 1.0
"""Between two looks, however often something changes."""


class StatusChanges:
    """Belongs to one event loop."""

    def __init__(self, status: Status, look_seconds: float = LOOK_SECONDS) -> None:
        self._status = status
        self._seconds = look_seconds
        self._asking: asyncio.Task[StatusReport] | None = None
        self._asked = 0.0

    async def follow(self) -> AsyncGenerator[str, None]:
        """An empty line, the report as JSON, and again whenever it says something else."""
        return self._lines()

    async def _lines(self) -> AsyncGenerator[str, None]:
        yield ""
        told: StatusReport | None = None
        while True:
            report = await self._newest()
            if told is None or lasting(report) != lasting(told):
                told = report
                yield report.model_dump_json(by_alias=True, ensure_ascii=True)
            await asyncio.sleep(self._seconds)

    async def _newest(self) -> StatusReport:
        now = asyncio.get_running_loop().time()
        if self._asking is None or now - self._asked >= self._seconds:
            self._asked = now
            self._asking = asyncio.ensure_future(self._status())
        return await asyncio.shield(self._asking)


def lasting(report: StatusReport) -> StatusReport:
    """A report without what differs each time that one looks: times, counters, how fast upstreams are."""
    return report.model_copy(
        update={
            "enforcing": "yes" if report.enforcing else "",
            "forwarders": tuple(map(_lasting, report.forwarders)),
        }
    )


def _lasting(forwarder: ForwarderState) -> ForwarderState:
    upstreams = {server: health.split(",", 1)[0] for server, health in forwarder.upstreams.items()}
    return forwarder.model_copy(update={"counters": {}, "upstreams": upstreams})
