"""The controller's own files in the state directory, each readable by its owner only."""

import json
import logging
import os
import re
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TextIO, cast

from dnsguard.errors import DnsguardError
from dnsguard.store.interface import Object

log = logging.getLogger(__name__)

TOKEN_BYTES = 32

_TOKEN = re.compile(r"[!-~]{32,512}")


class UnusableStateError(DnsguardError):
    """A file of the state directory is not what it should be; the message says which and what to do."""


def make_directory(path: Path) -> None:
    """The state directory, 0700 when it is made here. Raises UnusableStateError."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UnusableStateError(f"the state directory {path} cannot be made: {error.strerror}") from error


def token(path: Path) -> str:
    """The admin token; made of 256 random bits when there is none yet. Raises UnusableStateError."""
    try:
        with _opened(path, os.O_RDONLY) as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                log.warning("%s was open to others; from now on only its owner may read it", path)
                os.fchmod(file.fileno(), 0o600)
            found = file.read().strip()
    except FileNotFoundError:
        return _new_token(path)
    except (OSError, UnicodeDecodeError) as error:
        raise UnusableStateError(f"the token file {path} cannot be read: {error}") from error
    if not _TOKEN.fullmatch(found):
        raise UnusableStateError(
            f"the token file {path} must hold one line of 32 to 512 printable characters; remove it to have one made"
        )
    return found


def _new_token(path: Path) -> str:
    made = secrets.token_urlsafe(TOKEN_BYTES)
    try:
        _replace(path, made + "\n")
    except OSError as error:
        raise UnusableStateError(f"the token file {path} cannot be written: {error.strerror}") from error
    return made


def append_to(path: Path) -> TextIO:
    """A log that only grows, 0600. Raises UnusableStateError."""
    try:
        return _opened(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    except OSError as error:
        raise UnusableStateError(f"{path} cannot be written: {error.strerror}") from error


def read_objects(path: Path) -> list[Object]:
    """A list of JSON objects; empty when there is no file, or none that can be used, which is said."""
    try:
        found: Any = json.loads(path.read_bytes())
    except FileNotFoundError:
        return []
    except (OSError, ValueError, RecursionError) as error:
        log.warning("%s is ignored: %s", path, error)
        return []
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def write_objects(path: Path, objects: Iterable[Object]) -> None:
    """Replace the file as a whole; no objects, no file. Raises OSError."""
    listed = list(objects)
    if listed:
        _replace(path, json.dumps(listed))
    else:
        path.unlink(missing_ok=True)


def _replace(path: Path, text: str) -> None:
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with _opened(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def _opened(path: Path, flags: int) -> TextIO:
    mode = "r" if flags & os.O_ACCMODE == os.O_RDONLY else "a" if flags & os.O_APPEND else "w"
    return cast("TextIO", os.fdopen(os.open(path, flags | os.O_CLOEXEC, 0o600), mode, encoding="utf-8"))
