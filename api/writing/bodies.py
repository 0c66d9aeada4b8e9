"""Request bodies: bytes → one value, within limits of size and time."""

import asyncio
from dataclasses import dataclass
from typing import Any

from starlette.requests import ClientDisconnect, Request

from dnsguard.api.failures import Failure, bad_request
from dnsguard.api.threads import done
from dnsguard.api.writing.protobuf import MEDIA_TYPE as PROTOBUF
from dnsguard.api.writing.protobuf import decoded
from dnsguard.resources.causes import Path, field_text
from dnsguard.resources.manifest import load_value

BODY_TIMEOUT = 30.0
"""Seconds for a whole body to arrive."""

_TYPES = frozenset(
    {
        "",
        "application/json",
        PROTOBUF,
        "application/yaml",
        "application/x-yaml",
        "text/yaml",
        "text/x-yaml",
        # What `curl --data-binary @file` says where nobody tells it better. Of browsers the gate refuses it.
        "application/x-www-form-urlencoded",
    }
)


def content_type(request: Request) -> str:
    """Media type of the body, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def raw_body(request: Request) -> bytes:
    """All of it. Raises Failure 408, 413 (from the gate), 415."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise Failure(
            415, "UnsupportedMediaType", f"content encoding {encoding[:100]!r} is not read here: send it plain"
        )
    try:
        async with asyncio.timeout(BODY_TIMEOUT):
            return await request.body()
    except TimeoutError:
        raise Failure(408, "Timeout", f"the body did not arrive within {BODY_TIMEOUT:.0f} s") from None
    except ClientDisconnect:
        raise bad_request("the body ended early") from None


@dataclass(frozen=True, slots=True)
class Body:
    """What a request brings."""

    value: Any
    size: int
    """Bytes."""

    warnings: tuple[str, ...] = ()


async def read_body(request: Request, types: frozenset[str] = _TYPES, *, lenient: bool = False) -> Body:
    """The value that the body holds: JSON, YAML or protobuf. Raises Failure, ManifestError.

    ``lenient``: of keys that stand twice the last counts, and a warning names each; else they are refused.
    """
    given = content_type(request)
    if given not in types:
        known = ", ".join(sorted(types - {"", "application/x-www-form-urlencoded"}))
        raise Failure(415, "UnsupportedMediaType", f"content type {given[:100]!r} is not supported here: send {known}")
    body = await raw_body(request)
    if given == PROTOBUF:
        return Body(await done(lambda: decoded(body), len(body)), len(body))
    if not body.strip():
        raise bad_request("the body is empty: send an object as JSON or YAML")
    doubled: list[Path] | None = [] if lenient else None
    value = await done(lambda: load_value(body, "body", doubled), len(body))
    return Body(value, len(body), tuple(f'duplicate field "{field_text(path)}"' for path in doubled or ()))


async def body_value(request: Request, types: frozenset[str] = _TYPES) -> tuple[Any, int]:
    """The same, read strictly: the value and its size in bytes."""
    body = await read_body(request, types)
    return body.value, body.size
