"""The load test of look-ups at a small size: every figure is there, nothing is lost, and what is not leased is seen."""

import json
from pathlib import Path

import pytest

from loadtest import lookups
from loadtest.dns import guard, names
from loadtest.dns.contender import Contender
from loadtest.dns.measuring import Cell, Sample
from loadtest.dns.peers import DNSMASQ, DNSMASQ_WITH_SETS, PEERS
from loadtest.dns.scenario import SCENARIOS, Size
from loadtest.lookups import DIRECT, is_wrong, lines, main, run

pytestmark = [pytest.mark.xdist_group("loadtest lookups"), pytest.mark.timeout(300)]

SMALL = Size(names=200, hot=20, patterns=60, sets=3)
PATIENCE = 30.0
FIRST = SCENARIOS[0]


def peer(name: str) -> Contender:
    return next(each for each in PEERS if each.name == name)


@pytest.fixture(scope="module")
def cells() -> list[Cell]:
    contenders = [guard.CONTENDER, peer(DNSMASQ), peer(DNSMASQ_WITH_SETS)]
    return run(SMALL, SCENARIOS, contenders, [1], rounds=1, seconds=PATIENCE)


@pytest.mark.soak
def test_everyone_is_measured_in_what_it_can_do(cells: list[Cell]) -> None:
    assert [cell.problem for cell in cells if cell.problem] == []
    measured: dict[str, set[str]] = {}
    for cell in cells:
        measured.setdefault(cell.scenario, set()).add(cell.contender)
        assert len(cell.samples) == 1
    everybody = {DIRECT, guard.NAME, DNSMASQ, DNSMASQ_WITH_SETS}
    assert measured == {
        "first": everybody,
        "chains": everybody,
        "hot": everybody,
        "relay": everybody - {DNSMASQ_WITH_SETS},
        "patterns-few": {guard.NAME, DNSMASQ_WITH_SETS},
        "patterns": {guard.NAME, DNSMASQ_WITH_SETS},
        "churn": {guard.NAME},
    }


@pytest.mark.soak
def test_every_look_up_is_answered_and_leased(cells: list[Cell]) -> None:
    for cell in cells:
        assert [(sample.asked, sample.failed, sample.unleased) for sample in cell.samples] == [(200, 0, 0)], cell
        assert cell.samples[0].megabytes > 1
        assert not is_wrong(cell)


@pytest.mark.soak
def test_the_report_has_every_row(cells: list[Cell]) -> None:
    text = "\n".join(lines(cells))
    for each in SCENARIOS:
        assert f"{each.name}, 1 worker: {each.meaning}" in text
    assert text.count(f"  {guard.NAME} ") == len(SCENARIOS)
    assert "many patterns : few" in text


def test_an_answer_that_is_not_leased_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "pattern", lambda _: "*.elsewhere.example")
    (cell,) = run(SMALL, [FIRST], [guard.CONTENDER], [1], rounds=1, seconds=PATIENCE, is_direct=False)
    assert (cell.failed, cell.unleased) == (0, SMALL.names)
    assert is_wrong(cell)


@pytest.mark.parametrize("contender", PEERS, ids=lambda each: each.name)
def test_every_peer_that_is_here_answers(contender: Contender) -> None:
    if not lookups.present([contender]):
        pytest.skip(f"{contender.package} is not installed")
    (cell,) = run(SMALL, [FIRST], [contender], [1], rounds=1, seconds=PATIENCE, is_direct=False)
    assert (cell.problem, cell.failed, cell.unleased) == ("", 0, 0)


def test_a_forwarder_that_does_not_start_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "LISTEN", "192.0.2.1")  # no address of the node
    (cell,) = run(SMALL, [FIRST], [guard.CONTENDER], [1], rounds=1, seconds=PATIENCE, is_direct=False)
    assert "ended with status" in cell.problem
    assert "NOT MEASURED" in "\n".join(lines([cell]))
    assert is_wrong(cell)


def test_a_failed_look_up_fails_the_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    found = [Cell("first", guard.NAME, 1, [Sample(5e-5, 1e4, 100, 1, 0, 60.0)])]
    monkeypatch.setattr(lookups, "move", lambda *_: None)
    monkeypatch.setattr(lookups, "run", lambda *_, **__: found)
    assert main(["--json", str(tmp_path / "found")]) == 1
    assert "50.0" in capsys.readouterr().out
    assert json.loads((tmp_path / "found").read_text())["cells"][0]["samples"][0]["failed"] == 1


def test_a_profile_is_of_one_scenario(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        main(["--profile", str(tmp_path / "profile")])
    assert "name it with --only" in capsys.readouterr().err
