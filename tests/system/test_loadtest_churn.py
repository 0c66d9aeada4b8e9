"""The load test of changes under look-ups at a small size: every change is seen on packets, and what is not is said."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address
from pathlib import Path
from time import time_ns

import pytest

from loadtest import churn
from loadtest.churn import ALONE, ALONE_AGAIN, Options, Outcome, Row, lines, main, measure
from loadtest.cluster import Size
from loadtest.dns.site import Site, site
from loadtest.phases import Change, Changer, Phase
from loadtest.witness import NotSeen, Witness
from loadtest.worlds import World, cluster_world, distinct_world
from loadtest.writer import Refused, Writer, Written

pytestmark = [pytest.mark.xdist_group("loadtest churn"), pytest.mark.timeout(300)]

OPTIONS = Options(rate=100, changes=50, seconds=1.0, repeats=2, pause=0.1)
WORLDS = [cluster_world(Size(endpoints=40, policies=20, groups=10, nets=20)), distinct_world(40, variants=7, nets=20)]


@pytest.fixture(scope="module", params=WORLDS, ids=lambda world: world.name)
def outcome(request: pytest.FixtureRequest) -> Outcome:
    return measure(request.param, OPTIONS, lambda _: None)


@pytest.mark.soak
def test_every_change_is_seen_and_no_look_up_fails(outcome: Outcome) -> None:
    assert [(row.phase.name, row.phase.problems) for row in outcome.rows if row.phase.problems] == []
    assert [row.phase.name for row in outcome.rows if row.is_wrong] == []
    seen = [len(row.phase.changes) for row in outcome.rows]
    assert seen == [0, 20, 5, 2, 2, 1, 1, 2, 0]
    assert [row.phase.made for row in outcome.rows] == [0, 40, 50, 2, 2, 2, 1, 2, 0]
    for row in outcome.rows:
        assert all(each.due <= each.sent <= each.answered and each.sent < each.seen for each in row.phase.changes)


@pytest.mark.soak
def test_the_report_has_every_row(outcome: Outcome) -> None:
    text = "\n".join(lines([outcome]))
    for expected in (ALONE, "an endpoint comes", "20 CIDRs replaced", ALONE_AGAIN, f"{outcome.world}: endpoints 7"):
        assert expected in text
    assert "WRONG" not in text


def test_what_was_not_in_force_fails_the_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    phase = Phase("an endpoint comes", [Change(0, 1, 2, 3)], made=1, seconds=1.0)
    row = Row(phase, [0.001], 0, 0, {"controller": 0.1, "forwarder": 0.1}, {"controller": 1.0, "forwarder": 1.0})
    monkeypatch.setattr(churn, "move", lambda *_: None)
    monkeypatch.setattr(churn, "measure", lambda *_: Outcome("cluster", {}, [row]))
    assert main(["--worlds", "cluster"]) == 0
    phase.problems.append("no packet came through")
    assert main(["--worlds", "cluster", "--json", str(tmp_path / "found")]) == 1
    assert "WRONG: an endpoint comes: no packet came through" in capsys.readouterr().out
    assert "no packet came through" in (tmp_path / "found").read_text()


class _Deaf:
    """A writer whose changes nobody makes."""

    async def tell(self, *_: object) -> Written:
        return Written(time_ns(), time_ns())


def witnessed(check: Callable[[Site, Witness], Awaitable[None]]) -> None:
    async def run(place: Site) -> None:
        witness = Witness(place)
        try:
            await check(place, witness)
        finally:
            await witness.close()

    with tempfile.TemporaryDirectory() as directory, site(Path(directory)) as place:
        asyncio.run(run(place))


def test_a_witness_tells_what_passes_from_what_does_not() -> None:
    one, other, target = IPv4Address("10.64.0.2"), IPv4Address("10.64.0.3"), IPv4Address("203.0.113.1")

    async def check(place: Site, witness: Witness) -> None:
        place.node.run("nft -f -", f"""
table inet closed {{
    chain forwarded {{
        type filter hook forward priority filter
        ip saddr {other} drop
    }}
}}""")  # fmt: skip
        assert await witness.seen(one, target, 5.0) > 0
        with pytest.raises(NotSeen, match=f"from {other} to {target}"):
            await witness.seen(other, target, 0.2)
        assert await witness.passed([one, other], target) == {one}

    witnessed(check)


def test_changes_that_nobody_makes_are_problems() -> None:
    async def check(_: Site, witness: Witness) -> None:
        changer = Changer(WORLDS[0], _Deaf(), witness)  # type: ignore[arg-type]
        came = await changer.endpoints_one_by_one("open", 1, 0.0)
        # Without dnsguard all is open: before the change, and after the endpoint is gone.
        before, after = came.problems
        assert "came through before the change" in before
        assert "1 endpoints that are gone still send" in after

    witnessed(check)


def test_what_the_api_refuses_is_said_and_connections_are_opened_anew(tmp_path: Path) -> None:
    opened = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        code = b"409 Conflict" if len(opened) == 1 else b"201 Created"
        writer.write(b"HTTP/1.1 " + code + b"\r\nContent-Length: 7\r\n\r\nexists.")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def run() -> None:
        async with await asyncio.start_unix_server(answer, tmp_path / "api.sock"):
            told = Writer(tmp_path / "api.sock", count=1)
            with pytest.raises(Refused, match=r"POST /x: 409 exists\."):
                await told.tell("POST", "/x", {})
            await asyncio.sleep(0)
            assert (await told.tell("POST", "/x", {})).sent > 0
            await told.close()
        assert len(opened) == 2

    asyncio.run(run())


def test_worlds_are_of_the_size_that_they_say() -> None:
    def endpoints(world: World) -> int:
        return sum(each["kind"] == "WorkloadEndpoint" for each in world.all_objects())

    assert [endpoints(world) for world in WORLDS] == [41, 41]
