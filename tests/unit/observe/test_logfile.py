"""The log's file: whole lines in it, whatever happens to it."""

import errno
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dnsguard.observe.logfile import LogFile


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 kB, in the mount namespace of the tests."""
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def made(path: Path, full: int = 100, files: int = 3) -> LogFile:
    return LogFile(path / "log", full, files)


def contents(path: Path) -> dict[str, str]:
    return {each.name: each.read_text() for each in path.iterdir()}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_full_file_becomes_the_next_number_and_the_last_goes(tmp_path: Path) -> None:
    log = made(tmp_path, full=12, files=3)
    for number in range(8):
        log.write(b"line %d\n" % number if number % 2 else b"l %d\n" % number)
    log.close()
    assert contents(tmp_path) == {"log": "l 6\nline 7\n", "log.1": "l 4\nline 5\n", "log.2": "l 2\nline 3\n"}


def test_one_file_is_begun_anew(tmp_path: Path) -> None:
    log = made(tmp_path, full=10, files=1)
    for number in range(3):
        log.write(b"line %d\n" % number)
    log.close()
    assert contents(tmp_path) == {"log": "line 2\n"}


def test_fewer_files_than_before_are_kept_from_then_on(tmp_path: Path) -> None:
    log = made(tmp_path, full=10, files=5)
    for number in range(6):
        log.write(b"line %d\n" % number)
    log.files = 2
    log.write(b"line 6\n")
    log.close()
    assert contents(tmp_path) == {"log": "line 6\n", "log.1": "line 5\n"}


def test_only_its_owner_may_read_it_unless_somebody_said_otherwise(tmp_path: Path) -> None:
    log = made(tmp_path, full=10)
    log.write(b"line 1\n")
    assert mode(tmp_path / "log") == 0o600
    (tmp_path / "log").chmod(0o646)
    log.write(b"line 2\n")
    log.close()
    assert mode(tmp_path / "log") == 0o640


def test_a_file_that_others_rotate_away_is_begun_anew(tmp_path: Path) -> None:
    log = made(tmp_path)
    log.write(b"before\n")
    (tmp_path / "log").rename(tmp_path / "theirs")
    log.write(b"after\n")
    (tmp_path / "log").rename(tmp_path / "theirs.too")
    (tmp_path / "log").touch(0o640)  # logrotate's create
    log.write(b"next\n")
    (tmp_path / "log").unlink()
    log.write(b"later\n")
    (tmp_path / "log").write_text("")  # copytruncate
    log.write(b"last\n")
    log.close()
    assert contents(tmp_path) == {"theirs": "before\n", "theirs.too": "after\n", "log": "last\n"}


def test_what_was_left_unfinished_is_taken_off(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"whole\nhal")
    log = made(tmp_path)
    log.write(b"next\n")
    log.close()
    assert contents(tmp_path) == {"log": "whole\nnext\n"}


def test_a_full_disk_leaves_whole_lines_and_it_goes_on_when_there_is_room(small: Path) -> None:
    log = made(small, full=10**9)
    line = b"x" * 999 + b"\n"
    for _ in range(9):
        log.write(line * 7)
    with pytest.raises(OSError, match="No space left") as failed:
        log.write(line * 7)
    assert failed.value.errno == errno.ENOSPC
    taken = 9 * 7
    assert (small / "log").read_bytes() == line * taken
    (small / "log").rename(small / "log.old")
    (small / "log.old").unlink()
    log.write(line)
    assert (small / "log").read_bytes() == line
    log.close()


def test_a_directory_that_is_not_there_or_takes_no_files_is_an_error_each_time_until_it_does(tmp_path: Path) -> None:
    log = made(tmp_path / "missing")
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            log.write(b"line\n")
    (tmp_path / "missing").mkdir()
    log.write(b"line\n")
    log.close()
    assert contents(tmp_path / "missing") == {"log": "line\n"}


def test_what_is_no_regular_file_is_written_and_never_rotated(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "log")
    log = made(tmp_path, full=1)
    reader = os.open(tmp_path / "log", os.O_RDONLY | os.O_NONBLOCK)
    log.write(b"one\n")
    log.write(b"two\n")
    assert os.read(reader, 100) == b"one\ntwo\n"
    os.close(reader)
    log.close()


_WRITES = """
import sys
from pathlib import Path
from dnsguard.observe.logfile import LogFile
log = LogFile(Path(sys.argv[1]), 10**9, 2)
lines = b"".join(b'{"number":%d,"filler":"%s"}\\n' % (n, b"x" * 400) for n in range(2000))
print("started", flush=True)
while True:
    log.write(lines)
"""


def test_a_process_that_is_killed_while_it_writes_leaves_whole_lines_to_the_next(tmp_path: Path) -> None:
    path = tmp_path / "log"
    for _ in range(5):
        with subprocess.Popen([sys.executable, "-c", _WRITES, str(path)], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            give_up = time.monotonic() + 20
            while not path.exists() or not path.stat().st_size:
                assert time.monotonic() < give_up
            process.send_signal(signal.SIGKILL)
        log = LogFile(path, 10**9, 2)
        log.write(b'{"number":-1}\n')
        log.close()
        assert {json.loads(line)["number"] for line in path.read_bytes().splitlines()} <= set(range(-1, 2000))
        path.unlink()
