"""`dnsguard run` and `dnsguard uninstall`: settings, the lock, what is printed."""

import subprocess
import sys
from pathlib import Path

import pytest

from dnsguard.cli.lock import AlreadyRunningError, hold_run_dir
from dnsguard.cli.run import whereabouts
from dnsguard.dataplane.settings import INTERCEPTED_MARK
from dnsguard.netlink.localdelivery import LocalDelivery
from dnsguard.settings import Settings, settings_from_argv
from tests.unit.cli.conftest import Run


def settings(tmp_path: Path, *more: str) -> Settings:
    words = ["--state-dir", str(tmp_path / "state"), "--upstreams", "192.0.2.53", "--node-name", "n", *more]
    return settings_from_argv(words, "test", {})


def test_it_says_where_everything_is(tmp_path: Path) -> None:
    said = whereabouts(settings(tmp_path))
    for part in ("127.0.0.1:53, [::1]:53", "192.0.2.53:53", "https://127.0.0.1:8053", f"{tmp_path}/state/token"):
        assert part in said
    for name in ("link.sock", "api.sock"):
        assert f"{tmp_path}/state/run/{name}" in said


@pytest.mark.parametrize("command", ["run", "render", "uninstall"])
def test_wrong_settings_are_all_said(run: Run, command: str) -> None:
    words = ["--listen", "x", "--table", "a b", *(["-f", "-"] if command == "render" else [])]
    code, out, err = run(command, *words)
    assert (code, out) == (2, "")
    assert [line.split(": ")[1] for line in err.splitlines()] == ["--listen[0]", "--table"]


def test_one_supervisor_at_a_time(tmp_path: Path) -> None:
    both = settings(tmp_path)
    with hold_run_dir(both), pytest.raises(AlreadyRunningError, match="dnsguard runs already"), hold_run_dir(both):
        pass
    with hold_run_dir(both):
        pass


def test_directories_are_made_for_their_owner_only(tmp_path: Path) -> None:
    made = settings(tmp_path)
    with hold_run_dir(made):
        assert made.state_dir.stat().st_mode & 0o777 == 0o700
        assert made.run_dir.stat().st_mode & 0o777 == 0o700


def test_a_run_dir_that_cannot_be_used(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, _, err = run("run", "--upstreams", "192.0.2.53", "--state-dir", str(tmp_path / "file" / "state"))
    assert code == 1
    assert "cannot be used: Not a directory" in err


def test_uninstall_removes_the_table_of_this_network(run: Run, tmp_path: Path) -> None:
    words = ["uninstall", "--state-dir", str(tmp_path), "--table", "dnsguard-test"]
    assert run(*words) == (0, "there is no table inet dnsguard-test: nothing to remove\n", "")
    subprocess.run(["nft", "add", "table", "inet", "dnsguard-test"], check=True)
    assert run(*words) == (0, "table inet dnsguard-test removed: dnsguard enforces nothing any more\n", "")
    listed = subprocess.run(["nft", "list", "tables"], check=True, capture_output=True, text=True).stdout
    assert "dnsguard-test" not in listed


def test_uninstall_removes_the_rule_of_interception_with_or_without_a_table(run: Run, tmp_path: Path) -> None:
    LocalDelivery(INTERCEPTED_MARK).ensure()
    assert run("uninstall", "--state-dir", str(tmp_path), "--table", "dnsguard-test") == (
        0,
        "IP rule and route of interception removed\nthere is no table inet dnsguard-test: nothing to remove\n",
        "",
    )
    assert not LocalDelivery(INTERCEPTED_MARK).remove()


def test_uninstall_waits_for_run_to_be_stopped(run: Run, tmp_path: Path) -> None:
    with hold_run_dir(settings(tmp_path)):
        code, _, err = run("uninstall", "--state-dir", str(tmp_path / "state"))
    assert code == 1
    assert "stop it first" in err


def test_the_module_is_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "dnsguard", "--help"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("usage: dnsguard COMMAND")
