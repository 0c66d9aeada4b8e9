import logging
from pathlib import Path

import pytest

from dnsguard.forwarder.kept import KeptValue

NOTHING: list[int] = []


def numbers(read: list[object]) -> list[int]:
    return [int(str(each)) for each in read]


def test_what_was_kept_is_read_by_the_next_process(tmp_path: Path) -> None:
    KeptValue(tmp_path / "kept").keep([1, 2])
    kept = KeptValue(tmp_path / "kept")
    assert kept.read(numbers, NOTHING) == [1, 2]
    kept.forget()
    assert kept.read(numbers, [0]) == [0]


@pytest.mark.parametrize("text", ["", "[", "7", '["seven"]', "\xff"])
def test_what_cannot_be_used_is_said_and_left_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    path = tmp_path / "kept"
    path.write_bytes(text.encode("latin-1"))
    with caplog.at_level(logging.WARNING):
        assert KeptValue(path).read(numbers, NOTHING) == NOTHING
    assert f"{path} is ignored: " in caplog.text
    assert path.read_bytes() == text.encode("latin-1")


def test_a_file_that_cannot_be_written_stops_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    KeptValue(tmp_path / "missing" / "kept").keep([1])
    assert "cannot be written: No such file or directory" in caplog.text


def test_who_only_reads_changes_nothing(tmp_path: Path) -> None:
    """Two processes that replace one file at the same moment move each other's unfinished one."""
    KeptValue(tmp_path / "kept").keep([1])
    reader = KeptValue(tmp_path / "kept", writes=False)
    reader.keep([2])
    reader.forget()
    assert reader.read(numbers, NOTHING) == [1]
