from pathlib import Path

import pytest

from dnsguard.controller.files import (
    UnusableStateError,
    read_objects,
    token,
    write_objects,
)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_token_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    first = token(tmp_path / "token")
    assert len(first) == 43  # 256 bits in base64
    assert mode(tmp_path / "token") == 0o600
    assert token(tmp_path / "token") == first
    assert token(tmp_path / "other") != first


def test_a_token_open_to_others_is_closed(tmp_path: Path) -> None:
    made = token(tmp_path / "token")
    (tmp_path / "token").chmod(0o644)
    assert token(tmp_path / "token") == made
    assert mode(tmp_path / "token") == 0o600


@pytest.mark.parametrize("content", [b"", b"short\n", b"x" * 20 + b"\n" + b"y" * 20, b"\xff" * 40])
def test_a_token_file_that_holds_no_token_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "token").write_bytes(content)
    with pytest.raises(UnusableStateError, match=f"the token file {tmp_path / 'token'}"):
        token(tmp_path / "token")


def test_objects_are_written_and_read_and_their_file_goes_with_the_last(tmp_path: Path) -> None:
    path = tmp_path / "last-valid.json"
    assert read_objects(path) == []
    write_objects(path, [{"kind": "Tier"}])
    assert read_objects(path) == [{"kind": "Tier"}]
    assert mode(path) == 0o600
    write_objects(path, [])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["{", "7", "[7]", "[" * 100_000])
def test_a_file_without_objects_is_ignored(tmp_path: Path, content: str) -> None:
    (tmp_path / "last-valid.json").write_text(content)
    assert read_objects(tmp_path / "last-valid.json") == []
