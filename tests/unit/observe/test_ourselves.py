import os
import time
from pathlib import Path

import pytest

from dnsguard.observe import ourselves
from dnsguard.observe.exposition import exposition
from tests.unit.observe.test_exposition import check


def told() -> dict[str, float]:
    text = exposition(ourselves.own_process())
    check(text)
    return {name: float(value) for name, value in (line.split() for line in text.splitlines() if line[0] != "#")}


def test_what_the_process_takes() -> None:
    before = told()
    assert before["process_start_time_seconds"] < time.time()
    assert time.time() - before["process_start_time_seconds"] < 24 * 3600
    assert 1e6 < before["process_resident_memory_bytes"] < before["process_virtual_memory_bytes"]
    with Path(os.devnull).open():
        assert told()["process_open_fds"] == before["process_open_fds"] + 1
    assert before["process_open_fds"] < before["process_max_fds"]
    end = before["process_cpu_seconds_total"] + 0.05
    while time.process_time() < end + 0.05:
        sum(range(10_000))
    assert told()["process_cpu_seconds_total"] > before["process_cpu_seconds_total"]


def test_without_proc_nothing_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(ourselves, "_PROC", tmp_path)
    assert list(ourselves.own_process()) == []


def test_what_runs_here() -> None:
    metric = ourselves.build_info("1.2.3")
    assert [dict(labels)["version"] for labels in metric.values] == ["1.2.3"]
