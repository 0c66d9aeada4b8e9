"""The load test of watches at a small size: every watch is told of every change, and what is not is said."""

import asyncio
import json
from pathlib import Path

import pytest

from loadtest import watchers
from loadtest.listeners import Heard, Listener
from loadtest.watchers import Options, Row, lines, main, measure

pytestmark = [pytest.mark.soak, pytest.mark.xdist_group("loadtest watchers"), pytest.mark.timeout(300)]


def test_every_watch_is_told_of_every_change() -> None:
    (row,) = measure(Options(watches=(20,), rate=100, seconds=0.5, sets=5), lambda _: None)
    assert (row.lost, row.problems, row.watches, len(row.whole)) == (0, [], 20, 50)
    assert all(whole > 0 for whole in row.whole)
    assert row.received > 20 * 50 * 100
    text = "\n".join(lines([row]))
    assert "WRONG" not in text


def found(**differing: object) -> Row:
    same = {"watches": 2, "opened": 1.0, "write": [0.1], "whole": [0.2], "after": [0.1], "lost": 0, "problems": ()}
    return Row(**{**same, "cpu": 0.5, "seconds": 2.0, "megabytes": 9.0, "idle": 8.0, "received": 1, **differing})  # type: ignore[arg-type]


def test_a_watch_that_was_not_told_fails_the_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(watchers, "move", lambda *_: None)
    for row, code, says in (
        (found(), 0, "contr. MB"),
        (found(lost=3), 1, "WRONG: 3 times a watch was not told"),
        (found(problems=["a watch was cut"]), 1, "WRONG: a watch was cut"),
    ):
        monkeypatch.setattr(watchers, "measure", lambda *_, row=row: [row])
        assert main(["--json", str(tmp_path / "found")]) == code
        assert says in capsys.readouterr().out
    assert json.loads((tmp_path / "found").read_text())["rows"][0]["lost"] == "0"


def test_a_listener_counts_each_change_once_and_says_what_goes_wrong() -> None:
    async def run() -> None:
        heard = Heard(watches=1, changes=3)
        listener = Listener(heard, b"")
        listener.data_received(b'HTTP/1.1 200 OK\r\n\r\n{"type":"BOOKMARK"}\n')
        assert listener.is_open.done()
        listener.data_received(b'{"type":"ADDED","labels":{"number":"0"}}\n{"type":"ADDED","labels":{"num')
        listener.data_received(b'ber":"1"}}\n{"type":"MODIFIED","labels":{"number":"0"}}\n')
        assert (heard.counts, heard.lines) == ([1, 1, 0], 3)
        heard.expect(3)
        assert not heard.is_over.is_set()
        listener.data_received(b'{"labels":{"number":"2"}}\n')
        assert heard.is_over.is_set()
        listener.data_received(b'{"type":"ERROR","object":{"code":410}}\n')
        assert '"code":410' in heard.problems[0]

    asyncio.run(run())
