"""The file of learned data beside a book that is in use while it is read."""

import asyncio
import time
from pathlib import Path

import pytest

from dnsguard.forwarder.statefile import LearnedFile, this_boot
from dnsguard.leases import LeaseBook
from dnsguard.leases.statefile import Clocks, header, scope_lines

NAMES = [b"\x04%04d\x07example\x03org\0" % number for number in range(1_000)]
SCOPE = "shop/web"
EPOCH = 7


def learned(book: LeaseBook) -> set[bytes]:
    graph = book.library.get(SCOPE)
    return set(graph.owners()) if graph is not None else set()


def teach(book: LeaseBook, name: bytes) -> None:
    graph = book.library.open(SCOPE)
    book.library.raise_address(graph, name, b"\xc0\0\2\1", asyncio.get_running_loop().time() + 600)


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """A file of an earlier process with all names in it."""
    book = LeaseBook()
    for name in NAMES:
        teach(book, name)
    file = tmp_path / "learned.jsonl"
    clocks = Clocks(this_boot(), asyncio.get_running_loop().time(), time.time())
    file.write_bytes(header(EPOCH, clocks) + b"".join(scope_lines(book, SCOPE, clocks.now)))
    return file


def contents(path: Path) -> bytes:
    return path.read_bytes()


def tear(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


async def part_of(book: LeaseBook, loading: "asyncio.Task[None]") -> None:
    """Return when some is loaded and some is not."""
    while not learned(book):
        assert not loading.done()
        await asyncio.sleep(0)
    assert not loading.done()


async def test_others_have_their_turn_while_it_is_loaded_and_what_they_learn_stays(path: Path) -> None:
    book = LeaseBook()
    file = LearnedFile(book, path)
    file.open()
    assert (book.epoch, learned(book)) == (EPOCH, set()), "of what epoch it is, is known at once"
    loading = asyncio.create_task(file.load())
    await part_of(book, loading)
    teach(book, b"\x03new\x07example\x03org\0")
    await loading
    assert learned(book) == {*NAMES, b"\x03new\x07example\x03org\0"}


async def test_before_it_is_loaded_it_is_not_written_over(path: Path) -> None:
    book, before = LeaseBook(), contents(path)
    file = LearnedFile(book, path)
    file.open()
    loading = asyncio.create_task(file.load())
    await part_of(book, loading)
    await file.save()
    assert contents(path) == before
    await loading
    await file.save()
    assert len(contents(path).splitlines()) == 1 + len(NAMES)


async def test_what_is_discarded_meanwhile_does_not_come_back(path: Path) -> None:
    book = LeaseBook()
    file = LearnedFile(book, path)
    file.open()
    loading = asyncio.create_task(file.load())
    await part_of(book, loading)
    book.discard(asyncio.get_running_loop().time(), EPOCH + 1)
    await loading
    assert learned(book) == set()


async def test_what_is_of_another_epoch_than_policy_is_not_taken(path: Path) -> None:
    book = LeaseBook()
    file = LearnedFile(book, path)
    file.open()
    book.discard(asyncio.get_running_loop().time(), EPOCH + 1)
    await file.load()
    assert (book.epoch, learned(book)) == (EPOCH + 1, set())


async def test_of_a_file_that_is_torn_nothing_is_taken(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tear(path)
    book = LeaseBook()
    file = LearnedFile(book, path)
    file.open()
    await file.load()
    assert learned(book) == set()
    assert f"learned.jsonl is ignored, learning starts from nothing: line {len(NAMES) + 1}" in caplog.text


async def test_without_a_file_learning_starts_from_nothing(tmp_path: Path) -> None:
    book = LeaseBook()
    file = LearnedFile(book, tmp_path / "learned.jsonl")
    file.open()
    await file.load()
    teach(book, NAMES[0])
    await file.save()
    assert (tmp_path / "learned.jsonl").stat().st_mode & 0o777 == 0o600


async def test_it_is_known_which_start_of_the_machine_it_is_of(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the same one the wall clock does not matter; of another one that was saved in the future nothing is taken."""
    monkeypatch.setattr(time, "time", lambda: 0.0)
    for boot, known in (this_boot(), set(NAMES)), ("another", set()):
        book = LeaseBook()
        file = LearnedFile(book, path, boot)
        file.open()
        await file.load()
        assert learned(book) == known
