"""The API as a process of its own: real sockets, TLS, `curl`, `kubectl`, and the signals nobody can refuse."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.system.apiserver import TOKEN, V3, Api, certified, program, start

SETS = f"{V3}/namespaces/shop/networksets"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a certificate for loopback."""
    return certified(tmp_path)


@pytest.fixture
def api(folder: Path) -> Iterator[Api]:
    server = start(folder)
    yield server
    server.kill()


def network_set(name: str, *domains: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"allowedEgressDomains": list(domains)}}


def curl(api: Api, *arguments: str | Path) -> tuple[str, str]:
    """Status code and body."""
    command: list[str | Path] = [program("curl"), "-sS", "--cacert", api.folder / "cert.pem"]
    command += ["-H", f"Authorization: Bearer {TOKEN}"]
    done = subprocess.run(
        [*command, "-w", "\n%{http_code}", *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    body, _, code = done.stdout.rpartition("\n")
    return code, body


@pytest.mark.parametrize("headers", [(), ("-H", "Transfer-Encoding: chunked"), ("-H", "Expect:")])
def test_100_mb_are_refused_and_never_held(api: Api, headers: tuple[str, ...]) -> None:
    large = api.folder / "large"
    with large.open("wb") as file:
        file.truncate(100_000_000)
    before = api.memory_peak()
    code, body = curl(api, "-X", "POST", *headers, "--data-binary", f"@{large}", f"{api.url}{SETS}")
    assert (code, json.loads(body)["reason"]) == ("413", "RequestEntityTooLarge")
    assert api.memory_peak() - before < 20_000_000
    assert curl(api, f"{api.url}{SETS}")[0] == "200"


def test_curl_needs_no_more_than_the_token(api: Api) -> None:
    manifest = api.folder / "set.yaml"
    manifest.write_text("metadata: {name: partners}\nspec:\n  allowedEgressDomains: ['*.example.org']\n")
    assert curl(api, "--data-binary", f"@{manifest}", f"{api.url}{SETS}")[0] == "201"
    code, body = curl(api, "-H", "Accept: application/yaml", f"{api.url}{SETS}/partners")
    assert code == "200"
    assert "allowedEgressDomains:\n  - '*.example.org'\n" in body


async def test_a_watch_sees_changes_at_once_and_resumes_after_kill_9(folder: Path) -> None:
    api = start(folder)
    context = ssl.create_default_context(cafile=folder / "cert.pem")
    options: dict[str, Any] = {"headers": {"Authorization": f"Bearer {TOKEN}"}, "verify": context, "timeout": 10}
    seen: list[str] = []
    revision = ""
    try:
        async with httpx.AsyncClient(base_url=api.url, **options) as client:
            async with client.stream("GET", f"{SETS}?watch=1&allowWatchBookmarks=true") as stream:
                lines = stream.aiter_lines()
                first = await client.post(SETS, json=network_set("first", "a.example.org"))
                assert first.status_code == 201
                while not seen:
                    event = json.loads(await anext(lines))
                    revision = event["object"]["metadata"]["resourceVersion"]
                    seen += [event["object"]["metadata"]["name"]] if event["type"] == "ADDED" else []
            second = await client.post(SETS, json=network_set("second", "b.example.org"))
            assert second.status_code == 201
        os.kill(api.process.pid, signal.SIGKILL)
        api.process.communicate()
        api = await asyncio.to_thread(start, folder)
        async with (
            httpx.AsyncClient(base_url=api.url, **options) as client,
            client.stream("GET", f"{SETS}?watch=1&resourceVersion={revision}") as stream,
        ):
            event = json.loads(await anext(stream.aiter_lines()))
            assert (event["type"], event["object"]) == ("ADDED", second.json())
    finally:
        api.kill()
    assert seen == ["first"]


@pytest.fixture
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of its own, with little room; tests run in a mount namespace of their own."""
    disk = folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], check=True)
    for name in ("key.pem", "cert.pem"):
        shutil.copy(folder / name, disk / name)
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def test_a_full_disk_refuses_changes_and_nothing_else(small_disk: Path) -> None:
    api = start(small_disk)
    try:
        with api.client() as client:
            kept = [client.post(SETS, json=network_set(f"kept-{n}", "a.example.org")).json() for n in range(5)]
            filler = small_disk / "filler"
            with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
                while True:
                    file.write(bytes(1024))
            refused: list[int] = []
            while not refused or refused[-1] == 201:  # what was allocated already still takes some
                body = network_set(f"late-{len(refused)}", *(f"{'x' * 60}{n}.example.org" for n in range(100)))
                answer = client.post(SETS, json=body)
                refused.append(answer.status_code)
            assert answer.status_code == 503
            assert "Nothing was changed; try again" in answer.json()["message"]
            written = refused.count(201)
            assert len(client.get(SETS).json()["items"]) == len(kept) + written
            assert client.put(f"{SETS}/kept-0", json={**kept[0], "spec": {}}).status_code in (200, 503)
            filler.unlink()
            assert client.post(SETS, json=body).status_code == 201
        os.kill(api.process.pid, signal.SIGKILL)
        api.process.communicate()
        api = start(small_disk)
        with api.client() as client:
            assert len(client.get(SETS).json()["items"]) == len(kept) + written + 1
    finally:
        api.kill()


def test_a_stop_is_not_held_up_by_an_open_watch(api: Api) -> None:
    with api.client() as client, client.stream("GET", f"{SETS}?watch=1"):
        api.process.terminate()
        api.process.wait(timeout=20)
