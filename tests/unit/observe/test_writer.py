"""The thread that writes: nobody waits for it, and what it cannot write is counted and said."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dnsguard.observe.logfile import LogFile
from dnsguard.observe.writer import BATCH, MAX_BYTES, MAX_LINES, LineWriter


class Gate(LogFile):
    """A file whose writes wait, or fail, as a test wants."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, 10**9, 2)
        self.open = threading.Event()
        self.open.set()
        self.error: OSError | None = None

    def write(self, lines: bytes) -> None:
        self.open.wait()
        if self.error is not None:
            raise self.error
        super().write(lines)


def gap(count: int) -> str:
    return f"-{count}"


@pytest.fixture
def file(tmp_path: Path) -> Gate:
    return Gate(tmp_path / "log")


@pytest.fixture
def writer(file: Gate) -> LineWriter:
    return LineWriter(file, gap)


def until(condition: Callable[[], bool], writer: LineWriter) -> None:
    give_up = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < give_up
        writer.flush()
        time.sleep(0.001)


def lines(file: LogFile) -> list[str]:
    return file.path.read_text().splitlines()


def test_lines_are_written_in_their_order(file: Gate, writer: LineWriter) -> None:
    for number in range(3 * BATCH):
        writer.put(str(number))
    writer.close(20)
    assert lines(file) == [str(number) for number in range(3 * BATCH)]
    assert (writer.written, writer.lost, writer.problem) == (3 * BATCH, 0, "")


def test_nothing_makes_a_file_before_there_is_a_line(file: Gate, writer: LineWriter) -> None:
    writer.flush()
    writer.close(20)
    assert not file.path.exists()


def test_while_the_file_blocks_the_ring_fills_and_then_the_oldest_go(file: Gate, writer: LineWriter) -> None:
    file.open.clear()
    writer.put("first")
    writer.flush()
    for number in range(MAX_LINES + 10):
        writer.put(str(number))
        writer.flush()
    assert (writer.waiting, writer.lost, writer.written) == (MAX_LINES, 10, 0)
    file.open.set()
    until(lambda: writer.written == 1 + MAX_LINES, writer)
    assert lines(file)[:3] == ["first", "-10", "10"]
    assert len(lines(file)) == MAX_LINES + 2
    writer.close(20)


def test_long_lines_fill_it_by_their_bytes(file: Gate, writer: LineWriter) -> None:
    file.open.clear()
    writer.put("first")
    writer.flush()
    for _ in range(MAX_BYTES // 50_001 + 5):
        writer.put("x" * 50_000)
    assert (writer.waiting, writer.lost) == (MAX_BYTES // 50_001, 5)
    file.open.set()
    writer.close(20)
    assert file.path.stat().st_size <= MAX_BYTES + 10
    assert lines(file)[1] == "-5"


def test_what_the_file_refuses_is_counted_and_said_once_it_takes_lines_again(file: Gate, writer: LineWriter) -> None:
    file.error = OSError(28, os.strerror(28))
    for number in range(3):
        writer.put(str(number))
    until(lambda: writer.lost == 3, writer)
    assert writer.problem == f"{file.path} cannot be written: No space left on device"
    file.error = None
    writer.put("3")
    until(lambda: writer.written == 1, writer)
    assert (lines(file), writer.problem, writer.lost) == (["-3", "3"], "", 3)
    writer.put("4")
    writer.close(20)
    assert lines(file) == ["-3", "3", "4"]


def test_a_file_that_blocks_does_not_keep_the_process(file: Gate, writer: LineWriter) -> None:
    file.open.clear()
    writer.put("first")
    writer.flush()
    writer.put("second")
    writer.close(0.01)
    assert (writer.waiting, writer.written) == (1, 0)
    file.open.set()
