"""A log that keeps within its share of the disk."""

from pathlib import Path

import pytest

from dnsguard.controller.files import UnusableStateError
from dnsguard.controller.rotation import RotatedFile


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_full_files_move_on_and_the_oldest_goes(tmp_path: Path) -> None:
    log = RotatedFile(tmp_path / "log", full=8, kept=2)
    seen = []
    for line in ("one", "two", "three", "four", "five", "six", "seven"):
        log.write(line)
        seen.append(contents(tmp_path))
    log.close()
    assert seen[1] == {"log": "one\ntwo\n"}
    assert seen[2] == {"log": "three\n", "log.1": "one\ntwo\n"}
    assert seen[4] == {"log": "five\n", "log.1": "three\nfour\n", "log.2": "one\ntwo\n"}
    assert seen[6] == {"log": "seven\n", "log.1": "five\nsix\n", "log.2": "three\nfour\n"}
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_it_goes_on_where_it_was_left(tmp_path: Path) -> None:
    for line in ("first", "second"):
        log = RotatedFile(tmp_path / "log", full=100, kept=1)
        log.write(line)
        log.close()
    assert contents(tmp_path) == {"log": "first\nsecond\n"}


def test_it_goes_on_after_a_new_file_could_not_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: Path) -> None:
        raise UnusableStateError("no space")

    log = RotatedFile(tmp_path / "log", full=4, kept=1)
    log.write("first")
    with monkeypatch.context() as broken:
        broken.setattr("dnsguard.controller.rotation.append_to", fails)
        with pytest.raises(UnusableStateError):
            log.write("lost")
    log.write("second")
    log.close()
    assert contents(tmp_path) == {"log": "second\n", "log.1": "first\n"}
