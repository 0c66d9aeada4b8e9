"""What the manager of services is told of `dnsguard run`, and what a reload changes."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from dnsguard.cli.reloading import Reloading
from dnsguard.cli.reporting import Reporting
from dnsguard.notify import ServiceManager
from dnsguard.settings import Settings, SettingsError, settings_from_argv


class Hearing:
    """A manager, and what it heard."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.setblocking(False)
        self.condition = False, ""
        self.reporting = Reporting(ServiceManager(str(path)), lambda: self.condition)

    def heard(self) -> list[str]:
        lines: list[str] = []
        while True:
            try:
                lines += self.socket.recv(1000).decode().splitlines()
            except BlockingIOError:
                return [line for line in lines if not line.startswith("MONOTONIC_USEC=")]


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Hearing]:
    made = Hearing(tmp_path / "notify")
    yield made
    made.socket.close()


def test_ready_is_said_once_and_only_where_policy_is_enforced(manager: Hearing) -> None:
    manager.reporting.looked(False)
    manager.condition = False, "not ready: no forwarder is connected"
    manager.reporting.looked(False)
    assert manager.heard() == ["STATUS=starting", "STATUS=not ready: no forwarder is connected"]
    manager.condition = True, "enforcing, proven 1 s ago"
    manager.reporting.looked(True)
    manager.reporting.looked(True)
    assert manager.heard() == ["WATCHDOG=1", "READY=1", "STATUS=enforcing, proven 1 s ago", "WATCHDOG=1"]


def test_alive_is_said_only_while_all_are(manager: Hearing) -> None:
    manager.condition = True, "enforcing"
    manager.reporting.looked(True)
    manager.heard()
    manager.condition = False, ""
    manager.reporting.looked(False)
    assert manager.heard() == ["STATUS=the controller does not answer"]


def settings(path: Path, *words: str) -> Settings:
    return settings_from_argv(["--state-dir", str(path), "--upstreams", "192.0.2.53", *words], "test", {})


def test_a_reload_is_over_when_policy_is_enforced_again(manager: Hearing, tmp_path: Path) -> None:
    manager.condition = True, "enforcing"
    manager.reporting.looked(True)
    manager.heard()
    before, wanted = settings(tmp_path), settings(tmp_path, "--dns-log", "All")
    reloading = Reloading(manager.reporting, before, lambda: wanted, pytest.fail)
    assert reloading.may_reload()
    manager.condition = False, ""
    reloading.looked(False)
    manager.condition = True, "enforcing"
    reloading.looked(True)
    assert manager.heard() == [
        "RELOADING=1", "STATUS=reads its settings", "STATUS=starting", "WATCHDOG=1", "READY=1", "STATUS=enforcing",
    ]  # fmt: skip


def test_a_reload_of_what_is_wrong_or_fixed_changes_nothing(manager: Hearing, tmp_path: Path) -> None:
    manager.condition = True, "enforcing"
    manager.reporting.looked(True)
    manager.heard()
    said: list[str] = []

    def wrong() -> Settings:
        raise SettingsError(["x.yaml: upstream: is no setting; did you mean upstreams?"])

    assert not Reloading(manager.reporting, settings(tmp_path), wrong, said.append).may_reload()
    moved = settings(tmp_path, "--listen", "192.0.2.1")
    assert not Reloading(manager.reporting, settings(tmp_path), lambda: moved, said.append).may_reload()
    assert said == [
        "not reloaded: x.yaml: upstream: is no setting; did you mean upstreams?",
        "not reloaded: listen: takes effect by a restart only",
    ]
    assert manager.heard() == [
        "RELOADING=1", "READY=1", f"STATUS={said[0]}", "RELOADING=1", "READY=1", f"STATUS={said[1]}",
    ]  # fmt: skip
