from pathlib import Path

import pytest

from dnsguard.controller import process
from dnsguard.controller.process import LAST_VALID_FILE, Following, files_of
from tests.unit.controller.fakes import network_set
from tests.unit.controller.running import settings

GOOD = network_set("a", 3, nets=["192.0.2.0/24"])
BAD = network_set("a", 4, nets=["192.0.2.0/99"])


def test_what_stands_in_for_an_invalid_object_is_kept_over_a_restart(tmp_path: Path) -> None:
    before = Following(settings(state_dir=tmp_path))
    before.inputs.replace([GOOD], 3)
    before.save_if_needed()
    assert list(tmp_path.iterdir()) == []
    before.inputs.replace([BAD], 4)
    before.save_if_needed()
    after = Following(settings(state_dir=tmp_path))
    after.inputs.replace([BAD], 4)
    assert [resource.name for resource in after.inputs.resources] == ["a"]


def test_what_is_kept_at_the_end_stands_in_for_what_changes_meanwhile(tmp_path: Path) -> None:
    before = Following(settings(state_dir=tmp_path))
    before.inputs.replace([GOOD], 3)
    before.save()
    after = Following(settings(state_dir=tmp_path))
    after.inputs.replace([BAD], 4)
    assert [resource.name for resource in after.inputs.resources] == ["a"]


def test_what_cannot_be_kept_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    following = Following(settings(state_dir=tmp_path))
    following.inputs.replace([GOOD], 3)
    following.inputs.replace([BAD], 4)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(process, "write_objects", full)
    following.save_if_needed()
    following.failed("database is locked")
    assert (
        following.trouble
        == f"database is locked; {tmp_path / LAST_VALID_FILE} cannot be written: No space left on device"
    )
    monkeypatch.undo()
    following.failed("")
    following.save_if_needed()
    assert following.trouble == ""


def test_everything_that_is_kept_is_named() -> None:
    assert set(files_of(settings())) == {"state", "store", "token", "audit", "link", "api"}
