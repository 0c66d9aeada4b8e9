import os
from pathlib import Path

import pytest

from dnsguard.files import UnusableDirectory, make_directory, replace_file


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_directory_is_its_owners(tmp_path: Path) -> None:
    make_directory(tmp_path / "a" / "b")
    make_directory(tmp_path / "a" / "b")
    assert mode(tmp_path / "a" / "b") == 0o700
    (tmp_path / "file").touch()
    with pytest.raises(UnusableDirectory, match="cannot be made: Not a directory"):
        make_directory(tmp_path / "file" / "x")


def test_only_its_owner_may_read_a_file_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    (tmp_path / "file.new").touch(0o644)
    (tmp_path / "file").touch(0o644)
    replace_file(tmp_path / "file", (b"one", b"two"))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"onetwo"
    assert mode(tmp_path / "file") == 0o600


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace_file(tmp_path / "file", (b"old",))

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        replace_file(tmp_path / "file", (b"new",))
    assert (tmp_path / "file").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
