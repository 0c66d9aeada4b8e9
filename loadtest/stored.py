"""A store that is there before the program starts: as the API would have written it, in a hundredth of the time."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from dnsguard.api.writing.metadata import created
from dnsguard.controller.inputs import key_of
from dnsguard.files import make_directory
from dnsguard.locations import STORE_FILE
from dnsguard.resources import parse_object, to_dict
from dnsguard.store.sqlite import SqliteStore
from loadtest.cluster import Manifest

AT_ONCE = 5_000
"""Writes under way: the store refuses more than it can hold back."""


def store(state: Path, objects: Iterable[Manifest]) -> None:
    """Write them into the state directory. Nobody else may have it open."""
    make_directory(state)
    asyncio.run(_store(state / STORE_FILE, list(objects)))


async def _store(path: Path, objects: list[Manifest]) -> None:
    opened = await SqliteStore.open(path)
    now = datetime.now(UTC)
    try:
        for start in range(0, len(objects), AT_ONCE):
            complete = [
                created(to_dict(parse_object(each)), str(uuid4()), now) for each in objects[start : start + AT_ONCE]
            ]
            await asyncio.gather(*(opened.create(key_of(each), each) for each in complete))
    finally:
        await opened.close()
