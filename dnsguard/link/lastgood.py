"""The last good snapshot on disk, from which a forwarder starts while the controller is away.

One JSON value a line: a header with format version, revision and counts, then one lease set or identity a line, then
the SHA-256 of all that. Written beside and renamed, so a reader sees the old file or the new one; the checksum finds
what a lost power supply or a full disk left torn.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dnsguard.errors import DnsguardError
from dnsguard.files import replace_file
from dnsguard.link.messages import DnsConfiguration, Identity, LeaseSetFeed, Snapshot
from dnsguard.link.shape import LinkProtocolError, Shape, plain

FORMAT = "dnsguard last-good 1"

_FEED = Shape.of(LeaseSetFeed)
_IDENTITY = Shape.of(Identity)
_CONFIGURATION = Shape.of(DnsConfiguration)


class UnusableLastGood(DnsguardError):
    """The file is there and cannot be used; the forwarder starts without it and waits for the controller."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")


def save(path: Path, snapshot: Snapshot) -> None:
    """Write the file. Blocks: call it in a thread. Raises OSError, the old file being as it was then."""
    replace_file(path, _sealed(_lines(snapshot)))


def load(path: Path) -> Snapshot | None:
    """The snapshot; ``None`` when there is no file. Raises UnusableLastGood for one that is torn or from elsewhere."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnusableLastGood(path, f"cannot be read: {error.strerror}") from error
    body, _, checksum = data[:-1].rpartition(b"\n")
    body += b"\n"
    if not data.endswith(b"\n") or hashlib.sha256(body).hexdigest().encode() != checksum:
        raise UnusableLastGood(path, "is torn: its checksum does not fit")
    try:
        return _snapshot([json.loads(line) for line in body.splitlines()])
    except (ValueError, KeyError, TypeError, LinkProtocolError) as error:
        raise UnusableLastGood(path, f"is not of the format {FORMAT!r}: {error}") from error


def _sealed(lines: Iterator[bytes]) -> Iterator[bytes]:
    checksum = hashlib.sha256()
    for line in lines:
        checksum.update(line)
        yield line
    yield checksum.hexdigest().encode() + b"\n"


def _lines(snapshot: Snapshot) -> Iterator[bytes]:
    yield _line(
        {
            "format": FORMAT,
            "revision": snapshot.revision,
            "table": snapshot.table,
            "query_policy": snapshot.query_policy,
            "lease_sets": len(snapshot.lease_sets),
            "configuration": plain(snapshot.configuration),
        }
    )
    for item in (*snapshot.lease_sets, *snapshot.identities):
        yield _line(plain(item))


def _line(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def _snapshot(lines: list[Any]) -> Snapshot:
    header, items = lines[0], lines[1:]
    if header["format"] != FORMAT:
        raise ValueError(f"it says {header['format']!r}")
    feeds = header["lease_sets"]
    return Snapshot(
        revision=int(header["revision"]),
        table=str(header["table"]),
        lease_sets=tuple(_FEED.build(item) for item in items[:feeds]),
        identities=tuple(_IDENTITY.build(item) for item in items[feeds:]),
        query_policy=str(header["query_policy"]),
        # Files of versions that knew no configuration have none.
        configuration=_CONFIGURATION.build(header.get("configuration", {})),
    )
