"""Which log is written: settings first, then resources; and what the controller says of policies."""

import json
from pathlib import Path
from typing import Any

import pytest

from dnsguard.dns.eligible import ineligible
from dnsguard.forwarder.clients import Clients
from dnsguard.forwarder.dnslog import DnsLog
from dnsguard.leases import LeaseBook
from dnsguard.link.messages import DnsConfiguration, DnsLogQuery, DnsLogStop, SetUse, SetUses
from dnsguard.settings import Settings
from tests.unit.dns.messages import query_bytes
from tests.unit.dns.test_relay import GOOD, Stage
from tests.unit.forwarder.test_tails import Outlet


def made(path: Path, **given: Any) -> tuple[DnsLog, Outlet]:
    settings = Settings.model_validate({"state_dir": path, "run_dir": path, "node_name": "here", **given})
    book, outlet = LeaseBook(), Outlet()
    return DnsLog(settings, book, Clients((), (), ()), book.scope_of, ineligible, outlet), outlet


@pytest.mark.parametrize(
    ("given", "said", "written", "files", "full"),
    [
        ({}, DnsConfiguration(), 0, 5, 100_000_000),
        ({}, DnsConfiguration(dns_log="All"), 1, 5, 100_000_000),
        ({"dns_log": "All"}, DnsConfiguration(), 1, 5, 100_000_000),
        ({"dns_log": "All"}, DnsConfiguration(dns_log="Off"), 1, 5, 100_000_000),
        ({"dns_log": "Off"}, DnsConfiguration(dns_log="All"), 0, 5, 100_000_000),
        ({}, DnsConfiguration(dns_log_max_files=2, dns_log_max_file_size_mb=3), 0, 2, 3_000_000),
        ({"dns_log_max_files": 9}, DnsConfiguration(dns_log_max_files=2), 0, 9, 100_000_000),
    ],
)
async def test_settings_then_resources(
    tmp_path: Path, given: dict[str, Any], said: DnsConfiguration, written: int, files: int, full: int
) -> None:
    log, _ = made(tmp_path, **given)
    stage = Stage()
    log.attach(stage.relay)
    log.configure(said)
    stage.query()
    stage.upstream(GOOD)
    await log.close()
    path = tmp_path / "dns-log.jsonl"
    assert (len(path.read_text().splitlines()) if path.exists() else 0) == written
    assert (log.file.files, log.file.full) == (files, full)
    stage.relay.close()


async def test_what_is_said_no_more_is_as_before(tmp_path: Path) -> None:
    log, _ = made(tmp_path)
    stage = Stage()
    log.attach(stage.relay)
    log.configure(DnsConfiguration(dns_log="All", dns_log_max_files=2))
    log.configure(DnsConfiguration())
    stage.query()
    stage.upstream(GOOD)
    await log.close()
    assert (log.file.files, (tmp_path / "dns-log.jsonl").exists()) == (5, False)
    stage.relay.close()


async def test_the_controller_asks_and_stops_and_names_policies(tmp_path: Path) -> None:
    log, outlet = made(tmp_path)
    stage = Stage()
    log.attach(stage.relay)
    log.take(SetUses((SetUse("a", ("NetworkPolicy/shop/x",)), SetUse("b", ("y",)))))
    log.take(SetUses((SetUse("b", ()),)))
    assert log.policies == {"a": ("NetworkPolicy/shop/x",)}
    log.take(DnsLogQuery(1, 0, follow=True))
    assert stage.relay.observe is not None
    stage.query(query_bytes("www.example.org"))
    stage.upstream(GOOD)
    log.observing.finish()
    await log.tick()
    assert [json.loads(line)["qname"] for reply in outlet.told for line in reply.lines] == ["www.example.org"]
    log.take(DnsLogStop(1))
    assert log.observing.records == 1
    stage.relay.close()


async def test_a_file_that_cannot_be_written_is_a_problem(tmp_path: Path) -> None:
    log, _ = made(tmp_path, dns_log="All", dns_log_file=str(tmp_path / "no" / "log"))
    stage = Stage()
    log.attach(stage.relay)
    stage.query()
    stage.upstream(GOOD)
    before = log.problems
    await log.close()
    assert (before, log.problems) == ((), (f"{tmp_path}/no/log cannot be written: No such file or directory",))
    stage.relay.close()
