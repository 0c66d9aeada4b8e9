import asyncio
import json

from dnsguard.api.views.models import ForwarderState, StatusReport
from dnsguard.api.views.statuschanges import StatusChanges, lasting

REPORT = StatusReport(
    version="1",
    ready=True,
    enforcing="enforcing, proven 2 s ago by canary",
    forwarders=(
        ForwarderState(id="f", connected=True, counters={"queries": 1}, upstreams={"192.0.2.1#53": "up, 3 ms"}),
    ),
)


def test_what_differs_each_time_that_one_looks_is_no_change() -> None:
    later = REPORT.model_copy(
        update={
            "enforcing": "enforcing, proven 3 s ago by canary",
            "forwarders": (
                ForwarderState(id="f", connected=True, counters={"queries": 9}, upstreams={"192.0.2.1#53": "up, 4 ms"}),
            ),
        }
    )
    assert lasting(later) == lasting(REPORT)
    assert lasting(later.model_copy(update={"enforcing": ""})) != lasting(REPORT)
    assert lasting(later.model_copy(update={"ready": False})) != lasting(REPORT)


async def test_a_change_is_told_to_all_and_looked_for_once() -> None:
    looks = 0
    reports = [REPORT, REPORT, REPORT.model_copy(update={"problems": ("set is full",)})]

    async def status() -> StatusReport:
        nonlocal looks
        looks += 1
        return reports[min(looks, 3) - 1]

    changes = StatusChanges(status, 0.02)
    followed = [await changes.follow() for _ in range(3)]
    async with asyncio.timeout(30):
        for lines in followed:
            assert await anext(lines) == ""
        firsts = [json.loads(each) for each in await asyncio.gather(*map(anext, followed))]
        assert looks == 1
        seconds = [json.loads(each) for each in await asyncio.gather(*map(anext, followed))]
    assert [each["problems"] for each in firsts + seconds] == [[]] * 3 + [["set is full"]] * 3
    assert looks < 6
