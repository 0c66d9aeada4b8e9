"""A process that is killed while it writes has lost nothing that it acknowledged."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from dnsguard.store.interface import Compacted, Key
from dnsguard.store.sqlite import SqliteStore

ROUNDS = 6

WRITER = """
import asyncio, os, pathlib, sys
from dnsguard.store.feed import Bounds
from dnsguard.store.interface import Key
from dnsguard.store.sqlite import SqliteStore

async def write(store, task):
    key = Key("tiers", "", f"t{task}")
    objects, _ = await store.list_objects()
    number = max([item["spec"] for item in objects if item["metadata"]["name"] == key.name], default=0)
    if not number:
        await store.create(key, {"metadata": {"name": key.name}, "spec": 0})
    while True:
        number += 1
        written = await store.update(key, {"metadata": {"name": key.name}, "spec": number}, None)
        os.write(1, f"{task} {number} {written['metadata']['resourceVersion']}\\n".encode())

async def main():
    store = await SqliteStore.open(pathlib.Path(sys.argv[1]), bounds=Bounds(changes=50))
    await asyncio.gather(*(write(store, task) for task in range(4)))

asyncio.run(main())
"""


def acknowledged(path: Path, lines: int) -> list[tuple[int, int, int]]:
    """Run a writer, kill it after so many acknowledgements, and return all that it gave."""
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(lines)]
        os.kill(process.pid, signal.SIGKILL)
        told += process.stdout.readlines()
    return [
        (int(task), int(number), int(revision)) for task, number, revision in (line.split() for line in told if line)
    ]


async def test_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    highest: dict[int, int] = {}
    newest = 0
    for round_ in range(ROUNDS):
        told = await asyncio.to_thread(acknowledged, path, 40 + 37 * round_)
        for task, number, revision in told:
            assert number > highest.get(task, 0)
            highest[task] = number
            newest = max(newest, revision)
        store = await SqliteStore.open(path)
        assert (await store.list_objects())[1] >= newest
        for task, number in highest.items():
            found = await store.get(Key("tiers", "", f"t{task}"))
            assert found["spec"] >= number
            highest[task] = found["spec"]
        newest = (await store.list_objects())[1]
        with contextlib.suppress(Compacted):  # the writer compacts as it goes, and the killed one may have been at it
            await anext(store.watch(0))
        await store.close()
