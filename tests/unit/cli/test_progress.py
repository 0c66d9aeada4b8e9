"""One line on a terminal that counts up."""

import io

import pytest

from dnsguard.cli.progress import FROM, Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, total: int) -> str:
    ticks = iter(range(total + 1))
    monkeypatch.setattr("time.monotonic", lambda: float(next(ticks)))
    monkeypatch.setattr("sys.stderr", stream)
    with Progress("applying", total) as progress:
        for _ in range(total):
            progress.step()
    return stream.getvalue()


def test_it_counts_and_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    said = shown(monkeypatch, Terminal(), FROM)
    assert f"\rapplying {FROM // 2}/{FROM}\x1b[K" in said
    assert said.endswith(f"\rapplying {FROM}/{FROM}\x1b[K\r\x1b[K")


def test_there_is_none_for_few_and_for_pipes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, Terminal(), FROM - 1) == ""
    assert shown(monkeypatch, io.StringIO(), FROM * 2) == ""
