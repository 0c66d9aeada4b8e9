"""The file of the audit log: bounded, in a chain over restarts, with room kept."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from dnsguard.controller.auditing.chain import START, files_of, line_hash, verified
from dnsguard.controller.auditing.file import AHEAD, AuditFile
from dnsguard.controller.files import UnusableStateError


def opened(path: Path, full: int = 10_000) -> AuditFile:
    return AuditFile(path, full, 2)


def event(number: int) -> dict[str, Any]:
    return {"verb": "create", "number": number}


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for file in files_of(path) for line in file.read_text().splitlines()]


def test_each_line_carries_the_hash_of_the_one_before_over_restarts(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    for start in (0, 3):
        with closing(opened(path)) as file:
            file.write([(event(start), start + 1)])
            file.write([(event(start + 1), 0), (event(start + 2), 2)])
    found = lines(path)
    raw = path.read_bytes().splitlines()
    assert [each["previousLine"] for each in found] == [START, *map(line_hash, raw[:-1])]
    assert [each["revision"] for each in found] == [1, 1, 2, 4, 4, 4]
    assert verified(path).faults == ()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_blocks * 512 < AHEAD, "the room that was kept is given back"


def test_full_files_move_on_the_oldest_goes_and_the_chain_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    with closing(opened(path, full=300)) as file:
        for number in range(20):
            file.write([(event(number), number)])
    assert sorted(each.name for each in tmp_path.iterdir()) == ["audit.jsonl", "audit.jsonl.1", "audit.jsonl.2"]
    assert {each.stat().st_mode & 0o777 for each in tmp_path.iterdir()} == {0o600}
    assert sum(each.stat().st_size for each in tmp_path.iterdir()) < 1_500
    kept = lines(path)
    assert [each["number"] for each in kept] == list(range(20 - len(kept), 20))
    found = verified(path)
    assert (found.faults, found.begins) == ((), kept[0]["previousLine"])
    with closing(opened(path, full=300)) as file:  # also where the newest file is empty still
        assert file.revision == 19


@pytest.mark.parametrize("torn", [b'{"verb": "cre', b"x" * 5_000, b"{"])
def test_a_torn_line_is_kept_apart_and_the_chain_goes_on(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "audit.jsonl"
    with closing(opened(path)) as file:
        file.write([(event(1), 7)])
    with path.open("ab") as cut:
        cut.write(torn)
    assert verified(path).faults == (f"{path}:2: is torn",)
    with closing(opened(path)) as file:
        assert (file.torn, file.revision) == (torn, 7)
        file.write([(event(2), 8)])
    assert verified(path).faults == ()
    apart = tmp_path / "audit.jsonl.torn"
    assert (apart.read_bytes(), apart.stat().st_mode & 0o777) == (torn, 0o600)


def damage_changed(raw: list[bytes]) -> list[bytes]:
    return [raw[0], raw[1].replace(b'"number":1', b'"number":9'), *raw[2:]]


def damage_removed(raw: list[bytes]) -> list[bytes]:
    return [raw[0], *raw[2:]]


def damage_added(raw: list[bytes]) -> list[bytes]:
    return [*raw[:2], raw[1], *raw[2:]]


def damage_swapped(raw: list[bytes]) -> list[bytes]:
    return [raw[0], raw[2], raw[1], raw[3]]


def damage_garbage(raw: list[bytes]) -> list[bytes]:
    return [*raw[:2], b"garbage\n", *raw[2:]]


@pytest.mark.parametrize(
    ("damage", "first"),
    [
        (damage_changed, "3: does not follow the line before it"),
        (damage_removed, "2: does not follow the line before it"),
        (damage_added, "3: does not follow the line before it"),
        (damage_swapped, "2: does not follow the line before it"),
        (damage_garbage, "3: is no line of an audit log"),
    ],
)
def test_what_was_changed_added_or_removed_is_found(tmp_path: Path, damage: Any, first: str) -> None:
    path = tmp_path / "audit.jsonl"
    with closing(opened(path)) as file:
        file.write([(event(number), number) for number in range(4)])
    path.write_bytes(b"".join(damage(path.read_bytes().splitlines(keepends=True))))
    assert verified(path).faults[0].startswith(f"{path}:{first}")


def test_lines_of_an_earlier_version_stand_before_the_chain(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_text('{"time": "then", "caller": "admin"}\n' * 3)
    with closing(opened(path)) as file:
        assert file.revision == 0
        file.write([(event(1), 1)])
    found = verified(path)
    assert (found.unchained, found.lines, found.faults) == (3, 4, ())


def test_a_log_that_cannot_be_opened_is_said(tmp_path: Path) -> None:
    with pytest.raises(UnusableStateError, match="Is a directory"):
        opened(tmp_path)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Two megabytes; tests run in a mount namespace of their own."""
    mounted = tmp_path / "disk"
    mounted.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", mounted], check=True)
    yield mounted
    subprocess.run(["umount", "-l", mounted], check=True)


def fill(disk: Path) -> None:
    with (disk / "filler").open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(1024))


def test_what_was_promised_room_is_written_though_the_disk_is_full(disk: Path) -> None:
    path = disk / "audit.jsonl"
    with closing(opened(path, full=1_000_000)) as file:
        file.keep(300_000)
        fill(disk)
        with pytest.raises(OSError, match="No space left on device"):
            file.keep(1_000_000)
        for number in range(60):
            file.write([({"number": number, "text": "x" * 5_000}, 0)])  # 300 kB in all
        with pytest.raises(OSError, match="No space left on device"):
            file.keep(300_000)
        (disk / "filler").unlink()
        file.keep(300_000)
    assert len(lines(path)) == 60
    assert verified(path).faults == ()


def test_a_log_is_opened_though_the_disk_is_full_and_takes_what_the_disk_then_has_room_for(disk: Path) -> None:
    path = disk / "audit.jsonl"
    with closing(opened(path)) as file:
        file.write([(event(1), 1)])
    fill(disk)
    with closing(opened(path)) as file:
        assert file.revision == 1
        with pytest.raises(OSError, match="No space left on device"):
            file.keep(100_000)
        file.write([(event(2), 2)])  # where the block that is there has room
    assert [each["number"] for each in lines(path)] == [1, 2]


def test_what_finds_no_room_leaves_no_part_of_itself(disk: Path) -> None:
    path = disk / "audit.jsonl"
    with closing(opened(path, full=10_000_000)) as file:
        file.write([(event(1), 1)])
        fill(disk)
        with pytest.raises(OSError, match="No space left on device"):
            file.write([({"text": "x" * 2_000_000}, 2)])
        (disk / "filler").unlink()
        file.write([(event(2), 2)])
    assert [each["number"] for each in lines(path)] == [1, 2]
    assert verified(path).faults == ()


def test_a_full_disk_does_not_keep_it_from_rotating_where_an_old_file_can_go(disk: Path) -> None:
    path = disk / "audit.jsonl"
    with closing(opened(path, full=300_000)) as file:
        for _ in range(3 * 65):
            file.write([({"text": "x" * 5_000}, 0)])
        fill(disk)
        for _ in range(2 * 65):
            with suppress(OSError):
                file.write([({"text": "x" * 5_000}, 0)])
    assert verified(path).faults == ()
    assert os.statvfs(disk).f_bavail >= 0
    assert len(files_of(path)) == 3
