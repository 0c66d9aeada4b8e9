"""The DNS log of a running forwarder: what is in it, who may watch, and that nobody waits for it."""

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from dnslib import RCODE, DNSRecord

from dnsguard.api.services import DnsLogQuestion
from dnsguard.controller.dnslog import DnsLogModel
from dnsguard.link.messages import DnsConfiguration, SetUse
from tests.system.forwarder import LISTEN, NEIGHBOUR, WORKLOAD, Rig, feed, identity, policy, rig
from tests.unit.observe.test_exposition import check

FEED = feed("web", "*.example.org", "www.example.org")
ENDPOINTS = [identity("shop/web", [WORKLOAD], ["web"]), identity("shop/db", [NEIGHBOUR], [], may_query=False)]
POLICY = policy(FEED, identities=ENDPOINTS)
ALL = DnsLogQuestion(100)


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path) as made:
        made.make_sets(FEED)
        made.zone["www.example.org"] = [("CNAME", "cdn.example.net")]
        made.zone["cdn.example.net"] = [("A", "198.51.100.1"), ("A", "198.51.100.2")]
        yield made


async def started(here: Rig, *flags: str) -> DnsLogModel:
    await here.start(*flags)
    await here.connected()
    await here.enforced(POLICY)
    return DnsLogModel(here.link, lambda _: None)


def outcome(reply: DNSRecord) -> str:
    return str(RCODE[reply.header.rcode])


async def recent(log: DnsLogModel, count: int, question: DnsLogQuestion = ALL) -> list[dict[str, Any]]:
    """The records, once there are so many."""
    async with asyncio.timeout(20):
        while len(lines := await log.recent(question)) < count:  # noqa: ASYNC110 - another process has it
            await asyncio.sleep(0.02)
    return [json.loads(line) for line in lines]


def written(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def metric(here: Rig, name: str) -> float:
    answer = here.http("/metrics")
    assert answer is not None
    check(answer[1])
    return next(float(line.rpartition(" ")[2]) for line in answer[1].splitlines() if line.startswith(f"{name} "))


async def test_a_record_says_who_asked_what_was_answered_and_what_it_opened(here: Rig) -> None:
    await started(here, "--dns-log", "All")
    here.link.tell_uses([SetUse("web", ("NetworkPolicy/shop/names",))])
    await here.ask("WWW.example.org")
    await here.ask("www.example.org")
    file = here.directory / "state" / "dns-log.jsonl"
    await here.until(lambda: len(written(file)) == 2, "both are written")
    first, second = written(file)
    assert first["type"] == "LOG"
    assert (first["client"], first["client_ip"], first["asked_ip"]) == ("shop/web", WORKLOAD, LISTEN)
    assert (first["transport"], first["qname"], first["qtype"]) == ("udp", "www.example.org", "A")
    assert (first["rcode"], first["source"], second["source"]) == ("NOERROR", "upstream", "cache")
    assert first["upstream"] == f"127.0.0.1:{here.upstream.port}"
    assert first["aliases"] == [{"name": "www.example.org", "target": "cdn.example.net", "ttl": 30}]
    assert [each["ip"] for each in first["addresses"]] == ["198.51.100.1", "198.51.100.2"]
    assert first["policy_match"] == [
        {
            "set": "web",
            "patterns": ["www.example.org", "*.example.org"],
            "policies": ["NetworkPolicy/shop/names"],
        }
    ]
    (leased,) = first["leased"]
    assert leased["set"] == "web"
    assert 30 <= leased["seconds"] <= max(here.elements("d4-web").values()) + 60
    assert first["total_ms"] >= first["upstream_ms"] > 0 < first["lease_ms"]
    assert "upstream_ms" not in second
    assert file.stat().st_mode & 0o777 == 0o600


async def test_what_was_refused_is_kept_though_nothing_is_logged(here: Rig) -> None:
    log = await started(here)
    assert outcome(await here.ask("www.example.org")) == "NOERROR"
    assert outcome(await here.ask("secret.example.com", source=NEIGHBOUR)) == "REFUSED"
    (record,) = await recent(log, 1, replace(ALL, denied=True))
    assert (record["client"], record["qname"], record["rcode"]) == ("shop/db", "secret.example.com", "REFUSED")
    assert (record["source"], record["extended_error"]) == ("policy", 18)
    assert record["extended_text"].startswith("policy denies DNS")
    assert not (here.directory / "state" / "dns-log.jsonl").exists()


async def test_denied_alone_is_written_where_that_is_asked_for(here: Rig) -> None:
    await started(here, "--dns-log", "Denied")
    await here.ask("www.example.org")
    await here.ask("secret.example.com", source=NEIGHBOUR)
    file = here.directory / "state" / "dns-log.jsonl"
    await here.until(lambda: bool(written(file)), "it is written")
    assert [record["qname"] for record in written(file)] == ["secret.example.com"]


async def test_several_watch_and_each_sees_what_it_asked_for(here: Rig) -> None:
    log = await started(here)
    await here.ask("secret.example.com", source=NEIGHBOUR)
    await recent(log, 1)
    everything = await log.follow(ALL)
    web = await log.follow(replace(ALL, client="shop/web", name="*.example.org"))
    async with aclosing(everything), aclosing(web), asyncio.timeout(20):
        assert (await anext(everything), await anext(web)) == ("", "")  # from now on nothing is missed
        assert json.loads(await anext(everything))["qname"] == "secret.example.com"
        first = asyncio.ensure_future(anext(web))
        while not first.done():  # until the forwarder has heard of it
            await here.ask("secret.example.com", source=NEIGHBOUR)
            await here.ask("other.example.net")
            await here.ask("www.example.org")
            await asyncio.wait([first], timeout=0.2)
        seen = [json.loads(await anext(everything))["qname"] for _ in range(3)]
        found = json.loads(first.result())
    assert seen == ["secret.example.com", "other.example.net", "www.example.org"]
    assert (found["qname"], found["client"]) == ("www.example.org", "shop/web")


async def test_whoever_watches_goes_on_when_the_forwarder_is_started_anew(here: Rig) -> None:
    log = await started(here)
    lines = await log.follow(replace(ALL, last=0))
    async with aclosing(lines), asyncio.timeout(30):
        assert await anext(lines) == ""
        waiting = asyncio.ensure_future(anext(lines))
        await asyncio.sleep(0)
        here.signal(signal.SIGKILL)
        await here.ended()
        await here.until(lambda: not here.link.forwarders, "it is gone")
        await here.start()
        await here.connected()
        await here.enforced(POLICY)
        while not waiting.done():
            await here.ask("www.example.org")
            await asyncio.wait([waiting], timeout=0.05)
        assert json.loads(waiting.result())["qname"] == "www.example.org"


@pytest.fixture
def full(tmp_path: Path) -> Any:
    """A file system without room."""
    place = tmp_path / "full"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", place], check=True)
    (place / "filler").write_bytes(b"x" * 8192)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


async def test_a_full_disk_costs_records_and_no_answer(here: Rig, full: Path) -> None:
    await started(here, "--dns-log", "All", "--dns-log-file", str(full / "log"))
    for number in range(50):
        assert outcome(await here.ask(f"n{number}.example.org")) == "NOERROR"
    await here.until(lambda: metric(here, 'dnsguard_dns_log_dropped_total{reason="file"}') == 50, "all are lost")
    assert "the DNS log has gaps" in here.log
    await here.until(
        lambda: any("No space left" in each for s in here.link.forwarders if s.stats for each in s.stats.problems),
        "the controller is told",
    )
    (full / "filler").unlink()
    await here.ask("www.example.org")
    await here.until(lambda: len(written(full / "log")) == 2, "it goes on")
    gap, record = written(full / "log")
    assert (gap["type"], gap["count"], record["qname"]) == ("UNLOGGED", 50, "www.example.org")


async def test_a_file_that_blocks_for_ever_delays_no_answer_and_not_the_end(here: Rig) -> None:
    path = here.directory / "pipe"
    os.mkfifo(path)
    await started(here, "--dns-log", "All", "--dns-log-file", str(path))
    for number in range(400):  # a pipe takes 64 kB
        assert outcome(await here.ask(f"n{number}.example.org")) == "NOERROR"
    await here.until(lambda: metric(here, "dnsguard_dns_log_waiting_lines") > 0, "lines wait, and answers go out")
    assert metric(here, "dnsguard_dns_log_records_total") == 400
    assert metric(here, "dnsguard_dns_released_total") == 400
    here.signal()
    assert await here.ended() == 0


async def test_a_client_that_floods_is_cut_and_the_log_says_so(here: Rig) -> None:
    await started(here, "--dns-log", "Denied")
    asker = here.socket_of(NEIGHBOUR)
    loop = asyncio.get_running_loop()
    query = DNSRecord.question("secret.example.com").pack()
    sent = 0
    while metric(here, 'dnsguard_dns_log_dropped_total{reason="client"}') == 0:
        for _ in range(100):
            await loop.sock_sendall(asker, query)
        sent += 100
        assert sent < 200_000
    file = here.directory / "state" / "dns-log.jsonl"
    await here.until(lambda: any(each["type"] == "UNLOGGED" for each in written(file)), "the gap is written")
    gap = next(each for each in written(file) if each["type"] == "UNLOGGED")
    assert (gap["client_ip"], gap["reason"]) == (NEIGHBOUR, "the client asks too much")
    assert outcome(await here.ask("www.example.org")) == "NOERROR"


async def test_resources_switch_it_on_and_off_and_settings_come_first(here: Rig) -> None:
    await started(here)
    file = here.directory / "state" / "dns-log.jsonl"
    await here.enforced(replace(POLICY, configuration=DnsConfiguration(dns_log="All")))
    await here.ask("www.example.org")
    await here.until(lambda: len(written(file)) == 1, "it is written")
    await here.enforced(POLICY)
    await here.ask("www.example.org")
    here.signal()
    await here.ended()
    assert len(written(file)) == 1
    await here.start("--dns-log", "Off")
    await here.connected()
    await here.enforced(replace(POLICY, configuration=DnsConfiguration(dns_log="All")))
    await here.ask("www.example.org")
    here.signal()
    await here.ended()
    assert len(written(file)) == 1


async def test_metrics_have_units_and_the_form_that_prometheus_reads(here: Rig) -> None:
    await started(here)
    for _ in range(5):
        await here.ask("www.example.org")
    answer = here.http("/metrics")
    assert answer is not None
    text = answer[1]
    check(text)
    lines = text.splitlines()
    server = f"127.0.0.1:{here.upstream.port}"
    assert "dnsguard_dns_queries_total 5" in lines
    assert 'dnsguard_dns_query_duration_seconds_count{source="upstream"} 1' in lines
    # What is asked again within the second goes out again as it was, and nobody measures that.
    counts = [f'dnsguard_dns_query_duration_seconds_count{{source="cache"}} {number}' for number in range(1, 5)]
    assert not set(counts).isdisjoint(lines)
    assert f'dnsguard_upstream_duration_seconds_count{{server="{server}"}} 1' in lines
    assert f'dnsguard_upstream_up{{server="{server}"}} 1' in lines
    assert "dnsguard_lease_wait_seconds_count 1" in lines
    (here.directory / "metrics").write_text(text)
