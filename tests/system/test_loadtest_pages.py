"""The load test of lists in pages at a small size: every list is what was there at its revision, or that is said."""

import json
from pathlib import Path

import pytest

from loadtest import pages
from loadtest.pages import CHOSEN, NOTHING, TABLE, WHOLE, Options, Row, difference, lines, main, measure

pytestmark = [pytest.mark.soak, pytest.mark.xdist_group("loadtest watchers"), pytest.mark.timeout(300)]


def test_every_list_is_what_was_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "_ALONE", 0.1)
    rows = measure(Options(policies=120, page=25, rate=100, lists=3), lambda _: None)
    assert [(row.name, len(row.lists), row.wrong) for row in rows] == [
        (NOTHING, 0, []),
        *((name, 3, []) for name in (WHOLE, TABLE, CHOSEN)),
    ]
    assert all(len(row.pages) >= 15 for row in rows[1:])
    assert all(row.writes for row in rows)
    assert "WRONG" not in "\n".join(lines(rows))


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ({"a": "1", "b": "2"}, ""),
        ({"a": "1"}, "b is missing and was 2"),
        ({"a": "1", "b": "3"}, "b is 3 and was 2"),
        ({"a": "1", "b": "2", "c": "4"}, "c is 4 and was not there"),
    ],
)
def test_a_list_is_compared_with_what_was_there(found: dict[str, str], says: str) -> None:
    assert difference({"a": "1", "b": "2"}, found) == says


def test_a_wrong_list_fails_the_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(pages, "move", lambda *_: None)
    row = Row(WHOLE, pages=[0.1], lists=[0.2], writes=[0.1])
    monkeypatch.setattr(pages, "measure", lambda *_: [row])
    assert main([]) == 0
    row.wrong.append("at revision 7 b is missing and was 2")
    assert main(["--json", str(tmp_path / "found")]) == 1
    assert "WRONG: whole: at revision 7 b is missing" in capsys.readouterr().out
    assert json.loads((tmp_path / "found").read_text())["rows"][0]["wrong"] == "1"
