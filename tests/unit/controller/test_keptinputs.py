from pathlib import Path

import pytest

from dnsguard.controller import keptinputs
from dnsguard.controller.keptinputs import KeptInputs
from tests.unit.controller.fakes import network_set

FILE = "last-valid.json"
GOOD = network_set("a", 3, nets=["192.0.2.0/24"])
BAD = network_set("a", 4, nets=["192.0.2.0/99"])


def test_what_stands_in_for_an_invalid_object_is_kept_over_a_restart(tmp_path: Path) -> None:
    before = KeptInputs(tmp_path / FILE)
    before.inputs.replace([GOOD], 3)
    before.save_if_needed()
    assert list(tmp_path.iterdir()) == []
    before.inputs.replace([BAD], 4)
    before.save_if_needed()
    after = KeptInputs(tmp_path / FILE)
    after.inputs.replace([BAD], 4)
    assert [resource.name for resource in after.inputs.resources] == ["a"]


def test_what_is_kept_at_the_end_stands_in_for_what_changes_meanwhile(tmp_path: Path) -> None:
    before = KeptInputs(tmp_path / FILE)
    before.inputs.replace([GOOD], 3)
    before.save()
    after = KeptInputs(tmp_path / FILE)
    after.inputs.replace([BAD], 4)
    assert [resource.name for resource in after.inputs.resources] == ["a"]


def test_what_cannot_be_kept_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = KeptInputs(tmp_path / FILE)
    kept.inputs.replace([GOOD], 3)
    kept.inputs.replace([BAD], 4)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keptinputs, "write_objects", full)
    kept.save_if_needed()
    kept.failed("database is locked")
    assert kept.trouble == f"database is locked; {tmp_path / FILE} cannot be written: No space left on device"
    monkeypatch.undo()
    kept.failed("")
    kept.save_if_needed()
    assert kept.trouble == ""
