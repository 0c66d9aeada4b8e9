"""The command line against the real API, which listens on loopback in a thread."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from dnsguard.cli.main import main
from dnsguard.controller.apiserver import ApiServer, bind
from dnsguard.controller.serving.crowd import Crowd
from dnsguard.settings import SocketAddress
from tests.unit.api.conftest import TOKEN, World

Run = Callable[..., tuple[int, str, str]]


class Api:
    """A server in a thread of its own."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._listening = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="api")
        self._thread.start()
        if not self._listening.wait(10):
            raise TimeoutError("the API did not start")

    async def _serve(self) -> None:
        app = self.world.app()
        await app.state.objects.ensure_builtins()
        listener = bind(SocketAddress(IPv4Address("127.0.0.1"), 0))
        self.port: int = listener.getsockname()[1]
        self._app = app
        self._server = ApiServer(app, None, Crowd())
        self._loop = asyncio.get_running_loop()
        following = asyncio.create_task(app.state.access.follow())
        await app.state.access.loaded()
        self._listening.set()
        await self._server.serve(sockets=[listener])
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await self.world.store.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        async def end() -> None:
            await self._app.state.streams.close()
            self._server.should_exit = True

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(10)
        self._thread.join(10)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    running = Api(World())
    monkeypatch.setenv("DNSGUARD_SERVER", running.url)
    monkeypatch.setenv("DNSGUARD_TOKEN", TOKEN)
    yield running
    running.close()


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command: exit code, output, errors."""

    def run_command(*words: str) -> tuple[int, str, str]:
        try:
            code = main(list(words))
        except SystemExit as end:  # argparse's own
            code = int(end.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run_command


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], str]:
    """Write a file: its path."""

    def write_file(name: str, text: str) -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write_file
