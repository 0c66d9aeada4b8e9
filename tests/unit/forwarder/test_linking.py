"""What the forwarder says of the controller."""

import logging
import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dnsguard.forwarder.counters import ForwarderCounters
from dnsguard.forwarder.linking import Linking
from dnsguard.link import lastgood
from dnsguard.link.messages import Delta, Hello, Snapshot


def made(directory: Path) -> Linking:
    enforcing = cast("Any", SimpleNamespace(put=lambda *_: None))
    return Linking(
        directory / "s", directory / "p", enforcing, cast("Any", None), lambda: Hello("f", (), 0), ForwarderCounters()
    )


async def test_a_controller_that_was_never_there_is_waited_for_and_one_that_was_is_away(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    linking = made(tmp_path)
    linking.on_disconnected("no such file")
    linking.on_disconnected("no such file")
    linking.on_snapshot(Snapshot(1, "dnsguard", (), ()), lambda *_: None)
    linking.on_disconnected("closed")
    linking.on_disconnected("closed")
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("INFO", "waiting for the controller: no such file"),
        ("INFO", "policy revision 1: 0 lease sets, 0 endpoints"),
        ("WARNING", "the controller is away: closed"),
    ]


async def test_since_when_the_policy_is_known(tmp_path: Path) -> None:
    linking = made(tmp_path)
    assert linking.last_good() is None
    assert linking.told_at == 0.0
    lastgood.save(tmp_path / "p", Snapshot(1, "dnsguard", (), ()))
    os.utime(tmp_path / "p", (1_000.0, 1_000.0))
    assert linking.last_good() is not None
    assert linking.told_at == 1_000.0, "when it was written: the process before us was told it then"
    began = time.time()
    linking.on_snapshot(Snapshot(2, "dnsguard", (), ()), lambda *_: None)
    snapshot_at = linking.told_at
    assert began <= snapshot_at <= time.time()
    linking.told_at = 0.0
    linking.on_delta(Delta(3, 2, (), (), (), ()), lambda *_: None)
    assert linking.told_at >= snapshot_at
