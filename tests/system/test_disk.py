"""The state directory is full, or cannot be written: what is in force stays in force, and who is asked says why."""

import contextlib
import json
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from dnsguard.controller.auditing.chain import verified
from tests.support.netns import namespace
from tests.system.controller import Controller
from tests.system.forwarder import WORKLOAD, Rig, feed, identity, policy, rig

POLICIES = "/apis/projectcalico.org/v3/globalnetworkpolicies"
FEED = feed("web", "*.example.org")
WEB = identity("shop/web", [WORKLOAD], ["web"])


class Disk:
    """A small file system in memory, for one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(mode=0o700)
        self._mount("-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs")

    def fill(self) -> None:
        with (self.directory / "ballast").open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))

    def free(self) -> None:
        (self.directory / "ballast").unlink()

    def protect(self, *, writable: bool = False) -> None:
        self._mount("-o", f"remount,{'rw' if writable else 'ro'},bind")

    def close(self) -> None:
        subprocess.run(["umount", "--lazy", self.directory], check=True)

    def _mount(self, *words: str) -> None:
        subprocess.run(["mount", *words, self.directory], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with contextlib.closing(Disk(tmp_path / "state")) as made:
        yield made


# The controller.


@pytest.fixture
def controller(disk: Disk) -> Iterator[Controller]:
    with namespace() as node, node.entered():
        made = Controller(node, disk.directory.parent)
        try:
            yield made
        finally:
            made.close()


def allow(controller: Controller, name: str) -> None:
    controller.create(POLICIES, "GlobalNetworkPolicy", name, {"selector": "all()", "egress": [{"action": "Allow"}]})


def test_a_full_disk_refuses_changes_and_nothing_else(disk: Disk, controller: Controller) -> None:
    controller.start()
    controller.until_in_sync()
    allow(controller, "before")
    controller.until_in_sync()
    rules = controller.rules()
    disk.fill()
    with pytest.raises(AssertionError, match="503") as refused:
        allow(controller, "meanwhile")
    assert "database or disk is full. Nothing was changed; try again" in str(refused.value)
    assert "before" in {each["metadata"]["name"] for each in controller.request("GET", POLICIES)["items"]}
    assert controller.status()["dataplane"]["inSync"]
    assert controller.rules() == rules
    disk.free()
    allow(controller, "after")
    controller.until_in_sync()
    assert controller.stop() == 0
    assert "Traceback" not in controller.log


def test_a_watch_goes_on_while_the_disk_is_full(disk: Disk, controller: Controller) -> None:
    controller.start()
    controller.until_in_sync()
    now = controller.request("GET", POLICIES)["metadata"]["resourceVersion"]
    asked = {"watch": "true", "resourceVersion": now}
    with controller.client() as client, client.stream("GET", POLICIES, params=asked) as stream:
        disk.fill()
        with pytest.raises(AssertionError, match="503"):
            allow(controller, "meanwhile")
        disk.free()
        allow(controller, "after")
        event = json.loads(next(stream.iter_lines()))
    assert (event["type"], event["object"]["metadata"]["name"]) == ("ADDED", "after")


def test_no_change_is_made_that_no_record_can_tell_of(disk: Disk, controller: Controller, tmp_path: Path) -> None:
    with contextlib.closing(Disk(tmp_path / "small")) as small:
        log = small.directory / "audit.jsonl"
        (disk.directory / "audit.jsonl").symlink_to(log)
        controller.start()
        controller.until_in_sync()
        allow(controller, "before")
        controller.until_in_sync()
        rules = controller.rules()
        small.fill()
        made, refused = ["before"], ""
        while not refused:  # there is room for the records of some
            name, note = f"p{len(made)}", {"a": "x" * 12_000}
            try:
                controller.create(POLICIES, "GlobalNetworkPolicy", name, {}, annotations=note)
            except AssertionError as error:
                refused = str(error)
            else:
                made.append(name)
        assert "503" in refused
        assert "has no room for the record of this change: No space left on device. Nothing was" in refused
        assert len(made) > 1
        assert {each["metadata"]["name"] for each in controller.request("GET", POLICIES)["items"]} == set(made)
        assert controller.status()["dataplane"]["inSync"]
        assert controller.rules().count("before") == rules.count("before") > 0
        small.free()
        allow(controller, "after")
        assert controller.stop() == 0
        events = [json.loads(line) for line in log.read_text().splitlines()]
        written = [
            each["objectRef"]["name"]
            for each in events
            if each["verb"] == "create" and each["responseStatus"]["code"] == 201
        ]
        assert written == [*made, "after"]
        assert verified(log).faults == ()
    assert "Traceback" not in controller.log


def test_a_directory_that_cannot_be_written_keeps_the_rules_and_the_controller_away(
    disk: Disk, controller: Controller
) -> None:
    controller.start()
    controller.until_in_sync()
    allow(controller, "before")
    controller.until_in_sync()
    rules = controller.rules()
    assert controller.stop(signal.SIGKILL) == -signal.SIGKILL
    disk.protect()
    controller.start()
    assert controller.ended() == 1
    assert "store.db.lock cannot be opened: Read-only file system" in controller.log
    assert controller.rules() == rules
    disk.protect(writable=True)
    controller.start()
    controller.until_in_sync()
    assert "Traceback" not in controller.log


# The forwarder.


@pytest.fixture
async def here(disk: Disk) -> AsyncIterator[Rig]:
    async with rig(disk.directory.parent) as made:
        made.make_sets(FEED)
        made.zone["www.example.org"] = [("A", "198.51.100.1")]
        made.zone["new.example.org"] = [("A", "198.51.100.2")]
        yield made


def problems(here: Rig) -> str:
    """What the controller is told."""
    return "; ".join(each for told in here.link.forwarders if told.stats is not None for each in told.stats.problems)


@pytest.mark.parametrize("fault", ["full", "protected"])
async def test_the_forwarder_answers_and_follows_without_a_disk(disk: Disk, here: Rig, fault: str) -> None:
    await here.start()
    await here.connected()
    await here.enforced(policy(FEED, identities=[WEB]))
    assert (await here.ask("www.example.org")).rr
    last_good = disk.directory / "policy.last-good"
    await here.until(last_good.exists, "the last good policy is written")
    kept = last_good.read_bytes()
    disk.fill() if fault == "full" else disk.protect()
    assert (await here.ask("new.example.org")).rr
    await here.enforced(policy(feed("web", "new.example.org"), identities=[WEB]))
    assert set(here.elements("d4-web")) == {(WORKLOAD, "198.51.100.2")}
    await here.until(lambda: "policy.last-good cannot be written" in problems(here), "whoever asks sees it")
    assert last_good.read_bytes() == kept, "the old one whole, and no part of a new one"
    disk.free() if fault == "full" else disk.protect(writable=True)
    await here.until(lambda: last_good.read_bytes() != kept, "it is written once it can be, though nothing changes")
    await here.until(lambda: problems(here) == "", "all is well")
    assert "Traceback" not in here.log


async def test_stopped_without_a_disk_it_says_what_is_lost(disk: Disk, here: Rig) -> None:
    await here.start()
    await here.connected()
    await here.enforced(policy(FEED, identities=[WEB]))
    assert (await here.ask("www.example.org")).rr
    await here.until((disk.directory / "policy.last-good").exists, "the last good policy is written")
    disk.fill()
    here.signal()
    assert await here.ended() == 0
    assert "learned.jsonl cannot be written: No space left on device: a restart forgets what was learned" in here.log
    await here.start()
    assert set(here.elements("d4-web")) == {(WORKLOAD, "198.51.100.1")}, "the kernel has not forgotten"
    assert (await here.ask("new.example.org")).rr
