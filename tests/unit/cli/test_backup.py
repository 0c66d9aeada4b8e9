"""`dnsguard backup` and `dnsguard restore`, on files."""

import asyncio
import io
import json
import os
import sqlite3
import subprocess
import sys
import tarfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from dnsguard.cli import restore
from dnsguard.cli.archive import INDEX, Index, entry_of, write_archive
from dnsguard.cli.main import main
from dnsguard.store.interface import Key
from dnsguard.store.snapshot import BUMP
from dnsguard.store.sqlite import SqliteStore


def stored(state: Path) -> tuple[dict[str, object], int]:
    """Name → spec, and the revision."""

    async def read() -> tuple[dict[str, object], int]:
        store = await SqliteStore.open(state / "store.db")
        objects, revision = await store.list_objects()
        await store.close()
        return {each["metadata"]["name"]: each["spec"] for each in objects}, revision

    return asyncio.run(read())


def store(state: Path, *names: str, spec: int = 1) -> None:
    async def write() -> None:
        made = await SqliteStore.open(state / "store.db")
        for name in names:
            await made.create(Key("tiers", "", name), {"metadata": {"name": name}, "spec": spec})
        await made.close()

    state.mkdir(exist_ok=True)
    asyncio.run(write())


@pytest.fixture
def state(tmp_path: Path) -> Path:
    made = tmp_path / "state"
    store(made, "a", "b")
    (made / "token").write_text("s3cret-of-the-admin-token-0123456789\n")
    return made


def run(command: str, file: Path, state: Path, *flags: str) -> int:
    return main([command, str(file), "--state-dir", str(state), *flags])


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def test_what_was_backed_up_is_restored_and_what_it_replaces_is_kept(
    state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "backup.tar"
    assert run("backup", file, state) == 0
    assert "2 objects at revision 2; read back and compared" in capsys.readouterr().out
    assert file.stat().st_mode & 0o777 == 0o600
    assert b"s3cret" not in file.read_bytes()
    with tarfile.open(file) as archive:
        assert archive.getnames() == [INDEX, "store.db"]
    store(state, "c", spec=7)
    assert run("restore", file, state) == 0
    said = capsys.readouterr().out
    assert "2 objects of the backup of" in said
    assert stored(state) == ({"a": 1, "b": 1}, 3 + BUMP)
    (kept,) = state.glob("store.db.replaced-*")
    assert str(kept) in said
    kept.rename(tmp_path / "store.db")
    assert stored(tmp_path) == ({"a": 1, "b": 1, "c": 7}, 3)
    (line,) = [json.loads(each) for each in (state / "audit.jsonl").read_text().splitlines()]
    assert (line["verb"], line["user"]["username"], line["revision"]) == ("restore", "system:local:0", 3 + BUMP)
    assert said.strip() in line["responseStatus"]["message"]
    assert names(tmp_path) == ["backup.tar", "state", "store.db", "store.db.lock"]


def test_restored_elsewhere_it_is_the_same(state: Path, tmp_path: Path) -> None:
    assert run("backup", tmp_path / "backup.tar", state) == 0
    assert run("restore", tmp_path / "backup.tar", tmp_path / "elsewhere") == 0
    assert stored(tmp_path / "elsewhere") == ({"a": 1, "b": 1}, 2 + BUMP)
    assert names(tmp_path / "elsewhere") == ["audit.jsonl", "store.db", "store.db.lock"]
    assert (tmp_path / "elsewhere" / "store.db").stat().st_mode & 0o777 == 0o600


def test_secrets_come_along_where_that_is_asked_for(state: Path, tmp_path: Path) -> None:
    file, elsewhere = tmp_path / "backup.tar", tmp_path / "elsewhere"
    assert run("backup", file, state, "--with-secrets") == 0
    assert run("restore", file, elsewhere) == 0
    assert not (elsewhere / "token").exists()
    (elsewhere / "token").write_text("another\n")
    assert run("restore", file, elsewhere, "--with-secrets") == 0
    assert (elsewhere / "token").read_text() == (state / "token").read_text()
    assert (elsewhere / "token").stat().st_mode & 0o777 == 0o600
    (kept,) = elsewhere.glob("token.replaced-*")
    assert kept.read_text() == "another\n"


def test_standard_output_takes_it_too(state: Path, tmp_path: Path) -> None:
    program = [sys.executable, "-m", "dnsguard", "backup", "-", "--state-dir", str(state)]
    done = subprocess.run(program, capture_output=True, check=True)
    assert b"2 objects at revision 2" in done.stderr
    (tmp_path / "backup.tar").write_bytes(done.stdout)
    assert run("restore", tmp_path / "backup.tar", tmp_path / "elsewhere") == 0
    assert names(state) == ["store.db", "store.db.lock", "token"]


def test_a_store_file_is_taken_too_also_the_one_in_place(state: Path) -> None:
    (state / "audit.jsonl").write_text('{"revision": 40, "previousLine": "x"}\n')
    assert run("restore", state / "store.db", state) == 0
    assert stored(state) == ({"a": 1, "b": 1}, 40 + BUMP)


def test_while_a_controller_runs_nothing_is_restored(
    state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("backup", tmp_path / "backup.tar", state)

    async def in_use() -> int:
        held = await SqliteStore.open(state / "store.db")
        try:
            return run("restore", tmp_path / "backup.tar", state)
        finally:
            await held.close()

    assert asyncio.run(in_use()) == 1
    assert "is in use by process" in capsys.readouterr().err
    assert stored(state)[1] == 2


def truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flipped(content: bytes) -> bytes:
    at = content.index(b"SQLite format 3") + 5_000
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def flipped_in_index(content: bytes) -> bytes:
    return content.replace(b'"sha256": "', b'"sha256": "0', 1)


def foreign(_: bytes) -> bytes:
    return b"PK\x03\x04 what is this" * 1_000


def another_tar(_: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("store.db"))
    return out.getvalue()


def escaping(_: bytes) -> bytes:
    """A tar that would put a file elsewhere."""
    out = io.BytesIO()
    here = Path(__file__)
    index = Index("1", "2026-01-02T03:04:05Z", "node", 1, 1, {"../token": entry_of(here)})
    write_archive(out, index, {"../token": here})
    return out.getvalue()


def beside(_: bytes) -> bytes:
    """What SQLite would take for the journal of a transaction that was cut off: it names files that SQLite removes."""
    out = io.BytesIO()
    here = Path(__file__)
    files = {"store.db": here, "store.db-journal": here}
    write_archive(out, Index("1", "2026-01-02T03:04:05Z", "node", 1, 1, dict.fromkeys(files, entry_of(here))), files)
    return out.getvalue()


def newer(content: bytes) -> bytes:
    return content.replace(b'"backup": 1', b'"backup": 2')


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (truncated, "is no backup, or damaged"),
        (flipped, "is damaged: store.db is not as it was written"),
        (flipped_in_index, "is damaged"),
        (foreign, "is no backup, or damaged"),
        (another_tar, "is no backup that dnsguard made"),
        (escaping, "is damaged: '../token' does not belong into it"),
        (beside, "is damaged: 'store.db-journal' does not belong into it"),
        (newer, "is a backup of format 2, this version reads format 1: use the dnsguard that made it"),
        (lambda _: b"", "is no backup"),
    ],
)
def test_what_is_damaged_foreign_or_newer_changes_nothing(
    state: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[bytes], bytes],
    says: str,
) -> None:
    file = tmp_path / "backup.tar"
    run("backup", file, state)
    file.write_bytes(damage(file.read_bytes()))
    assert run("restore", file, state) == 1
    error = capsys.readouterr().err
    assert f"{file} {says}" in error
    assert error.strip().endswith("nothing was restored")
    assert stored(state) == ({"a": 1, "b": 1}, 2)
    assert names(state) == ["store.db", "store.db.lock", "token"]


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("pragma user_version = 3", "has format 3, this version of dnsguard reads format 2"),
        ("pragma application_id = 7", "is a database of another program"),
        ("update version set value = '{}'", "tiers//a at revision 1 is not as it was written"),
        ("delete from version", "is damaged: changes are missing"),
    ],
)
def test_a_store_file_that_is_none_changes_nothing(
    state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], statement: str, says: str
) -> None:
    store(tmp_path / "other", "x")
    file = tmp_path / "other" / "store.db"
    with sqlite3.connect(file) as connection:
        connection.execute(statement)
    connection.close()
    assert run("restore", file, state) == 1
    error = capsys.readouterr().err
    assert str(file) in error
    assert says.replace("tiers//a", "tiers/x") in error
    assert stored(state) == ({"a": 1, "b": 1}, 2)


def test_nothing_is_restored_that_no_record_can_tell_of(
    state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("backup", tmp_path / "backup.tar", state)
    (state / "audit.jsonl").mkdir()
    assert run("restore", tmp_path / "backup.tar", state) == 1
    assert "audit.jsonl cannot be written: Is a directory" in capsys.readouterr().err
    assert stored(state) == ({"a": 1, "b": 1}, 2)


def test_killed_between_the_two_it_leaves_the_store_that_was(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("backup", tmp_path / "backup.tar", state)
    store(state, "c")
    set_aside = restore._set_aside

    def killed(*words: object) -> str:
        set_aside(*words)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(restore, "_set_aside", killed)
    with suppress(KeyboardInterrupt):
        run("restore", tmp_path / "backup.tar", state)
    assert stored(state) == ({"a": 1, "b": 1, "c": 1}, 3)


def test_a_damaged_store_makes_no_backup(state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with sqlite3.connect(state / "store.db") as connection:
        connection.execute("update version set value = '{}'")
    connection.close()
    (tmp_path / "backup.tar").write_text("the one of yesterday")
    assert run("backup", tmp_path / "backup.tar", state) == 1
    assert "is not as it was written" in capsys.readouterr().err
    assert (tmp_path / "backup.tar").read_text() == "the one of yesterday"
    assert names(tmp_path) == ["backup.tar", "state"]


def test_where_nothing_is_there_that_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "state").mkdir()
    assert run("backup", tmp_path / "backup.tar", tmp_path / "state") == 1
    assert "there is no store at" in capsys.readouterr().err
    assert run("restore", tmp_path / "nowhere", tmp_path / "state") == 1
    assert "nowhere: No such file or directory; nothing was restored" in capsys.readouterr().err


def test_nothing_takes_the_place_of_what_is_no_file(
    state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert run("backup", pipe, state) == 2
    assert "is no file; - writes to standard output" in capsys.readouterr().err
    assert pipe.is_fifo()


def test_a_link_to_a_backup_stays_one(state: Path, tmp_path: Path) -> None:
    newest = tmp_path / "newest.tar"
    newest.symlink_to(tmp_path / "monday.tar")
    assert run("backup", newest, state) == 0
    assert newest.is_symlink()
    assert tarfile.is_tarfile(tmp_path / "monday.tar")
