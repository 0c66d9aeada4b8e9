"""The controller's own files in the state directory, each readable by its owner only."""

import json
import logging
import os
import re
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dnsguard.errors import DnsguardError
from dnsguard.files import replace_file
from dnsguard.store.interface import Object

log = logging.getLogger(__name__)

TOKEN_BYTES = 32

_TOKEN = re.compile(r"[!-~]{32,512}")


class UnusableStateError(DnsguardError):
    """A file of the state directory is not what it should be; the message says which and what to do."""


def token(path: Path) -> str:
    """The admin token; made of 256 random bits when there is none yet. Raises UnusableStateError."""
    try:
        with path.open(encoding="utf-8") as file:
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
        replace_file(path, (f"{made}\n".encode(),))
    except OSError as error:
        raise UnusableStateError(f"the token file {path} cannot be written: {error.strerror}") from error
    return made


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
        replace_file(path, (json.dumps(listed).encode(),))
    else:
        path.unlink(missing_ok=True)
