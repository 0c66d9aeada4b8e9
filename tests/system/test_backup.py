"""A store that is damaged, and one that is restored: rules stand meanwhile, and no watch takes the new history for the
old one."""

import json
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dnsguard.store.snapshot import BUMP
from tests.support.lab.guard import PROGRAM
from tests.support.netns import namespace
from tests.system.controller import Controller

pytestmark = [pytest.mark.xdist_group("backup"), pytest.mark.timeout(300)]

POLICIES = "/apis/projectcalico.org/v3/globalnetworkpolicies"


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[Controller]:
    with namespace() as node, node.entered():
        made = Controller(node, tmp_path)
        try:
            yield made
        finally:
            made.close()


def dnsguard(controller: Controller, command: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    words = [PROGRAM, command, *arguments, "--state-dir", controller.directory / "state"]
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)


def allow(controller: Controller, name: str) -> Any:
    spec = {"selector": "all()", "egress": [{"action": "Allow"}]}
    return controller.create(POLICIES, "GlobalNetworkPolicy", name, spec)


def listed(controller: Controller) -> dict[str, str]:
    """Name → resourceVersion."""
    items = controller.request("GET", POLICIES)["items"]
    return {each["metadata"]["name"]: each["metadata"]["resourceVersion"] for each in items}


def watched(controller: Controller, revision: str, most: int) -> list[Any]:
    """The first events of a watch that resumes."""
    with controller.client() as client:
        asked = {"watch": "true", "resourceVersion": revision}
        with client.stream("GET", POLICIES, params=asked, timeout=20) as stream:
            lines = stream.iter_lines()
            return [json.loads(next(lines)) for _ in range(most)]


def test_restored_it_is_a_new_history(controller: Controller, tmp_path: Path) -> None:
    controller.start()
    controller.until_in_sync()
    allow(controller, "default.kept")
    controller.until_in_sync()
    before, rules = listed(controller), controller.rules()
    done = dnsguard(controller, "backup", tmp_path / "backup.tar")
    assert done.returncode == 0, done.stderr
    lost = [allow(controller, f"default.lost-{number}")["metadata"]["resourceVersion"] for number in range(3)]
    events = watched(controller, before["default.kept"], 3)
    assert [each["object"]["metadata"]["resourceVersion"] for each in events] == lost
    refused = dnsguard(controller, "restore", tmp_path / "backup.tar")
    assert (refused.returncode, "is in use by process" in refused.stderr) == (1, True)
    assert controller.stop() == 0

    done = dnsguard(controller, "restore", tmp_path / "backup.tar")
    assert done.returncode == 0, done.stderr
    controller.start()
    controller.until_in_sync()
    assert listed(controller) == before
    assert controller.rules() == rules
    for revision in (before["default.kept"], *lost):  # of the old history, up to its end
        (event,) = watched(controller, revision, 1)
        assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")
    now = controller.request("GET", POLICIES)["metadata"]["resourceVersion"]
    assert int(now) > BUMP
    made = allow(controller, "default.new")
    (event,) = watched(controller, now, 1)
    assert (event["type"], event["object"]["metadata"]) == ("ADDED", made["metadata"])
    verified = dnsguard(controller, "audit", "--verify")
    assert (verified.returncode, "whole" in verified.stdout) == (0, True), verified.stderr
    audited = [json.loads(line) for line in controller.text("/v1/audit?last=100").splitlines()]
    (restored,) = [each for each in audited if each["verb"] == "restore"]
    assert restored["user"]["username"] == "system:local:0"
    assert "the backup of" in restored["responseStatus"]["message"]


def fold_in(store: Path) -> None:
    """The log, which has whole pages: it would heal what is done to the file."""
    connection = sqlite3.connect(store)
    connection.execute("pragma wal_checkpoint(truncate)")
    connection.close()


def flipped(store: Path) -> None:
    fold_in(store)
    content = store.read_bytes()
    assert b"default.first" in content
    store.write_bytes(content.replace(b"default.first", b"default.f1rst"))


def foreign(store: Path) -> None:
    fold_in(store)
    store.write_bytes(b"what somebody copied here" * 1_000)


def without_its_log(store: Path) -> None:
    store.with_name("store.db-wal").unlink()


DAMAGES: dict[Callable[[Path], None], str] = {
    flipped: "is not as it was written. Restore it from a backup",
    foreign: "file is not a database. Restore it from a backup",
    without_its_log: "store.db-wal missing, or is this an older copy?",
}


def test_damage_of_every_kind_is_said_and_the_rules_stand(controller: Controller, tmp_path: Path, soak: float) -> None:
    state = controller.directory / "state"
    store, good = state / "store.db", tmp_path / "good"
    controller.start()
    controller.until_in_sync()
    allow(controller, "default.first")
    controller.until_in_sync()
    allow(controller, "default.second")
    controller.until_in_sync()
    rules = controller.rules()
    done = dnsguard(controller, "backup", tmp_path / "backup.tar")
    assert done.returncode == 0, done.stderr
    assert controller.stop(signal.SIGKILL) == -signal.SIGKILL
    assert (state / "store.db-wal").stat().st_size > 0
    shutil.copytree(state, good, ignore=shutil.ignore_patterns("*.sock"))
    # Each takes a start. What the store says of a file that is none is tested with it, too.
    damages = DAMAGES if soak else {damage: said for damage, said in DAMAGES.items() if damage is not foreign}
    for damage, said in damages.items():
        damage(store)
        told = len(controller.log)
        controller.start()
        assert controller.ended() == 1
        assert said in controller.log[told:], (damage, controller.log[told:])
        assert "Traceback" not in controller.log[told:]
        assert controller.rules() == rules, damage
        for name in ("store.db", "store.db-wal", "store.db-shm", "audit.jsonl"):
            (state / name).unlink(missing_ok=True)
            if (good / name).exists():
                shutil.copyfile(good / name, state / name)
    flipped(store)
    done = dnsguard(controller, "restore", tmp_path / "backup.tar")
    assert done.returncode == 0, done.stderr
    controller.start()
    controller.until_in_sync()
    assert set(listed(controller)) == {"default.first", "default.second"}
    assert controller.rules() == rules
