"""Logs and the status by server-sent events: to ``curl -N``, and to a reader that comes back as browsers do."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple, Self

import httpx
import pytest

from tests.support.localapi import local_client
from tests.system.controller import Controller, controller_in

pytestmark = [pytest.mark.soak, pytest.mark.xdist_group("event streams")]

EVENTS = {"Accept": "text/event-stream"}
SETS = "/apis/projectcalico.org/v3/globalnetworksets"


class Event(NamedTuple):
    name: str
    data: Any
    id: str


class EventSource:
    """Reads events as the HTML Living Standard says (§ 9.2.6), and remembers the last id for when it comes back."""

    def __init__(self, controller: Controller, path: str) -> None:
        self._controller = controller
        self._path = path
        self.last_id = ""
        self.retry = 0
        self.comments = 0

    def __enter__(self) -> Self:
        headers = EVENTS | ({"Last-Event-ID": self.last_id} if self.last_id else {})
        self._client = local_client(self._controller.socket)
        self._streaming = self._client.stream("GET", self._path, headers=headers)
        response = self._streaming.__enter__()
        assert response.status_code == 200, response.read()
        assert response.headers["content-type"].startswith("text/event-stream")
        self._lines = response.iter_lines()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._streaming.__exit__(*exception)
        self._client.close()

    def __iter__(self) -> Iterator[Event]:
        name = "message"
        data: list[str] = []
        for line in self._lines:
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            match field:
                case "" if line:
                    self.comments += 1
                case "":
                    if data:
                        yield Event(name, json.loads("\n".join(data)), self.last_id)
                    name, data = "message", []
                case "event":
                    name = value
                case "data":
                    data.append(value)
                case "id":
                    self.last_id = value
                case "retry":
                    self.retry = int(value)

    def some(self, count: int) -> list[Event]:
        """The next ones."""
        return list(islice(self, count))


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    with controller_in(tmp_path_factory.mktemp("controller")) as made:
        yield made


def make(controller: Controller, *names: str) -> None:
    for name in names:
        controller.create(SETS, "GlobalNetworkSet", name, {"nets": ["192.0.2.0/24"]})


def written(events: list[Event]) -> list[str]:
    """The names of the objects that records are about."""
    return [event.data["objectRef"]["name"] for event in events]


def test_a_reader_that_comes_back_goes_on_where_it_was(controller: Controller) -> None:
    source = EventSource(controller, "/v1/audit?last=0")
    with source:
        make(controller, "a", "b")
        first = source.some(2)
    assert ([event.name for event in first], written(first)) == (["audit", "audit"], ["a", "b"])
    assert (source.retry, source.comments) == (2_000, 1)
    make(controller, "c", "d")
    with source:
        assert written(source.some(2)) == ["c", "d"]


def test_curl_shows_events_as_they_come(controller: Controller) -> None:
    curl = shutil.which("curl")
    assert curl is not None
    words = [curl, "-sN", "--unix-socket", str(controller.socket), "-H", "Accept: text/event-stream"]
    with subprocess.Popen([*words, "http://localhost/v1/status"], stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        try:
            assert following.stdout.readline() == "retry: 2000\n"
            reports = (line for line in following.stdout if line.startswith("data: "))
            before = json.loads(next(reports).removeprefix("data: "))
            make(controller, "e")
            for line in reports:
                after = json.loads(line.removeprefix("data: "))
                if after["objects"].get("globalnetworksets", 0) > before["objects"].get("globalnetworksets", 0):
                    break
            assert after["storeRevision"] > before["storeRevision"]
        finally:
            following.kill()


def test_so_many_follow_and_who_goes_leaves_a_place(controller: Controller) -> None:
    held = [EventSource(controller, "/v1/status") for _ in range(4)]
    for each in held:
        each.__enter__()
    try:
        with local_client(controller.socket) as client:
            refused = client.get("/v1/status", headers=EVENTS)
            assert (refused.status_code, refused.json()["reason"]) == (429, "TooManyRequests")
            held.pop().__exit__(None, None, None)
            while True:
                with client.stream("GET", "/v1/status", headers=EVENTS) as response:
                    if response.status_code == httpx.codes.OK:
                        break
    finally:
        for each in held:
            each.__exit__(None, None, None)
