"""What the forwarder says of the controller."""

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dnsguard.forwarder.counters import ForwarderCounters
from dnsguard.forwarder.linking import Linking
from dnsguard.link.messages import Hello, Snapshot


async def test_a_controller_that_was_never_there_is_waited_for_and_one_that_was_is_away(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    enforcing = cast("Any", SimpleNamespace(put=lambda *_: None))
    linking = Linking(
        tmp_path / "s", tmp_path / "p", enforcing, cast("Any", None), lambda: Hello("f", (), 0), ForwarderCounters()
    )
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
