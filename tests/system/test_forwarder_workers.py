"""Several processes that answer: clients notice nothing of it, and the kernel has one writer."""

import asyncio
import os
import resource
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from dnslib import RCODE, DNSRecord

from dnsguard.forwarder.process import LAST_GOOD_FILE
from tests.system import forwarder
from tests.system.forwarder import LISTEN, NEIGHBOUR, WORKLOAD, WORKLOAD6, Rig, feed, identity, policy

FEED = feed("a", "*.example.org")
POLICY = policy(FEED, identities=[identity("ns/web", [WORKLOAD, WORKLOAD6], ["a"])])
WORKERS = 3


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with forwarder.rig(tmp_path) as made:
        made.make_sets(FEED)
        made.zone = {f"n{i}.example.org": [("A", f"192.0.2.{i}")] for i in range(1, 200)}
        made.zone["secret.example.net"] = [("A", "198.51.100.1")]
        await made.start("--workers", str(WORKERS))
        await made.until(lambda: len(made.link.forwarders) == WORKERS, "all of them connect")
        await made.enforced(POLICY)
        await until_kept(made)
        yield made


async def until_kept(rig: Rig) -> None:
    """The policy is on disk: this controller says it once, and not again to a worker that comes later."""
    await rig.until(lambda: (rig.directory / "state" / LAST_GOOD_FILE).exists(), "the policy is kept")


async def ask(rig: Rig, name: str, port: int, kind: str = "A") -> DNSRecord:
    """Ask from this port: by address and port the kernel picks who answers."""
    loop = asyncio.get_running_loop()
    with rig.workload.entered():
        asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with asker:
        asker.setblocking(False)
        asker.bind((WORKLOAD, port))
        asker.connect((LISTEN, 53))
        await loop.sock_sendall(asker, DNSRecord.question(name, kind).pack())
        async with asyncio.timeout(20):
            return DNSRecord.parse(await loop.sock_recv(asker, 4096))


def children(pid: int) -> set[int]:
    return {int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def is_worker(pid: int) -> bool:
    try:
        return b"dnsguard.forwarder.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def asked_by(rig: Rig) -> set[int]:
    """The processes that clients' queries came to, by what each counted."""
    return {number for number, state in enumerate(rig.link.forwarders)
            if state.stats is not None and state.stats.counters.get("udp_received")}  # fmt: skip


async def test_all_of_them_answer_and_each_answer_is_leased_before(rig: Rig) -> None:
    for i in range(1, 100):
        answer = await ask(rig, f"n{i}.example.org", 20_000 + i)
        assert [str(record.rdata) for record in answer.rr] == [f"192.0.2.{i}"]
        assert (WORKLOAD, f"192.0.2.{i}") in rig.elements("d4-a")
    await rig.until(lambda: len(asked_by(rig)) == WORKERS, "each of them was asked")
    counted = sum(
        int(line.split()[1])
        for line in (rig.http("/metrics") or (0, ""))[1].splitlines()
        if line.startswith("dnsguard_dns_udp_received_total ")
    )
    assert counted >= 99


async def test_no_worker_shortens_what_another_wrote(rig: Rig) -> None:
    rig.zone["long.example.org"] = [("A", "192.0.2.250")]
    forwarder_ttl = forwarder.TTL
    try:
        forwarder.TTL = 3000
        await ask(rig, "long.example.org", 21_000)
        before = rig.elements("d4-a")[WORKLOAD, "192.0.2.250"]
        assert before > 3000
        forwarder.TTL = 1
        rig.zone["short.example.org"] = rig.zone["long.example.org"]
        for port in range(21_001, 21_020):
            await ask(rig, "short.example.org", port)
        assert rig.elements("d4-a")[WORKLOAD, "192.0.2.250"] > 3000
    finally:
        forwarder.TTL = forwarder_ttl


async def test_policy_holds_in_all_of_them_and_changes_in_all_of_them(rig: Rig) -> None:
    listed = policy(FEED, identities=POLICY.identities, query_policy="AllowListed")
    await rig.enforced(listed)
    for port in range(22_000, 22_012):
        assert (await ask(rig, "secret.example.net", port)).header.rcode == RCODE.REFUSED
        assert (await ask(rig, "n1.example.org", port)).header.rcode == RCODE.NOERROR
    await rig.enforced(policy(FEED, identities=[identity("ns/web", [WORKLOAD], [])], query_policy="AllowListed"))
    for port in range(22_000, 22_012):
        assert (await ask(rig, "n1.example.org", port)).header.rcode == RCODE.REFUSED
    assert rig.elements("d4-a") == {}


async def test_one_clients_look_up_opens_nothing_for_another_whoever_answers(rig: Rig) -> None:
    for port in range(23_000, 23_012):
        await ask(rig, "n7.example.org", port)
    assert {client for client, _ in rig.elements("d4-a")} == {WORKLOAD}
    assert NEIGHBOUR not in {client for client, _ in rig.elements("d4-a")}


async def test_a_worker_that_dies_is_started_again_and_no_query_is_lost(rig: Rig) -> None:
    assert rig._process is not None
    before = children(rig._process.pid)
    assert len(before) == WORKERS - 1
    os.kill(min(before), signal.SIGKILL)
    for port in range(24_000, 24_030):
        assert (await ask(rig, "n9.example.org", port)).rr, port
    await rig.until(lambda: len(children(rig._process.pid)) == WORKERS - 1 if rig._process else False, "it is back")
    assert children(rig._process.pid) != before


async def test_a_worker_that_hangs_is_started_again(tmp_path: Path) -> None:
    async with forwarder.rig(tmp_path) as rig:
        rig.make_sets(FEED)
        rig.zone = {"n1.example.org": [("A", "192.0.2.1")]}
        await rig.start("--workers", "2", first="from dnsguard.forwarder.sharing import crew; crew._SILENT = 3")
        await rig.until(lambda: len(rig.link.forwarders) == 2, "both connect")
        await rig.enforced(POLICY)
        (before,) = children(rig.pid)
        os.kill(before, signal.SIGSTOP)
        await rig.until(lambda: children(rig.pid) not in (set(), {before}), "another has its place")
        for port in range(26_000, 26_012):
            assert (await ask(rig, "n1.example.org", port)).rr, port


async def test_where_no_worker_can_be_started_those_there_are_go_on_until_one_can(rig: Rig) -> None:
    most = resource.prlimit(rig.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(rig.pid, resource.RLIMIT_NOFILE, (rig.open_files, most[1]))
    os.kill(min(children(rig.pid)), signal.SIGKILL)
    await rig.until(lambda: "cannot be started" in rig.log, "it notices")
    assert "Traceback" not in rig.log
    resource.prlimit(rig.pid, resource.RLIMIT_NOFILE, most)
    await rig.until(lambda: len(children(rig.pid)) == WORKERS - 1, "it is back")
    for port in range(24_100, 24_112):
        assert (await ask(rig, "n10.example.org", port)).rr, port


async def test_an_address_that_changes_hands_while_it_asks_has_its_leases_from_then_on(rig: Rig) -> None:
    """What the owner said of the endpoint before counts for nobody after."""
    owners = [policy(FEED, identities=[identity(name, [WORKLOAD], ["a"])]) for name in ("ns/one", "ns/other")]
    for round_ in range(20):
        name, address = f"n{100 + round_}.example.org", f"192.0.2.{100 + round_}"
        asking = [asyncio.create_task(ask(rig, name, port)) for port in range(25_000, 25_012)]
        await rig.enforced(owners[round_ % 2])
        await asyncio.gather(*asking)
        for port in range(25_000, 25_006):
            assert (await ask(rig, name, port)).rr
            assert (WORKLOAD, address) in rig.elements("d4-a")


async def test_a_worker_that_starts_again_has_its_owners_settings(
    tmp_path: Path,
) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(f"workers: {WORKERS}\nquery_policy: AllowListed\n")
    async with forwarder.rig(tmp_path) as made:
        made.make_sets(FEED)
        made.zone["n9.example.org"] = [("A", "192.0.2.9")]
        await made.start("--config", str(file))
        await made.until(lambda: len(made.link.forwarders) == WORKERS, "all of them connect")
        await made.enforced(POLICY)
        await until_kept(made)
        assert made._process is not None
        file.write_text("workers: none\nlisten: nowhere\n")
        before = children(made._process.pid)
        for each in before:
            os.kill(each, signal.SIGKILL)
        for port in range(25_000, 25_030):
            assert (await ask(made, "n9.example.org", port)).rr, port


async def test_with_the_owner_its_workers_end(rig: Rig) -> None:
    assert rig._process is not None
    workers = children(rig._process.pid)
    rig.signal(signal.SIGKILL)
    await rig.ended()
    await rig.until(lambda: not any(map(is_worker, workers)), "they are gone")


async def test_a_worker_that_hangs_does_not_outlive_the_others(rig: Rig) -> None:
    workers = children(rig.pid)
    os.kill(min(workers), signal.SIGSTOP)
    rig.signal()
    assert await rig.ended() == 0
    assert not any(map(is_worker, workers))


async def test_told_to_stop_all_of_them_stop(rig: Rig) -> None:
    assert rig._process is not None
    workers = children(rig._process.pid)
    rig.signal()
    assert await rig.ended() == 0
    assert not any(map(is_worker, workers))
