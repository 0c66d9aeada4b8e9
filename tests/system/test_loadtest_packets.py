"""The load test of first packets at a small size: all packets arrive, and one that does not is said."""

import json
from pathlib import Path

import pytest

from loadtest import packets
from loadtest.packets import FEW, MANY, NO_RULES, Figures, main, measure

pytestmark = pytest.mark.xdist_group("loadtest packets")


@pytest.fixture(scope="module")
def figures() -> Figures:
    return measure(endpoints=30, packets=60, rounds=2)


def test_every_packet_arrives(figures: Figures) -> None:
    assert figures.lost == {NO_RULES: 0, FEW: 0, MANY: 0}


def test_nodes_differ_in_endpoints_only(figures: Figures) -> None:
    few, many = figures.facts[FEW], figures.facts[MANY]
    assert (few.pop("endpoints"), many.pop("endpoints")) == (10, 30)
    assert few == many
    assert figures.facts[NO_RULES] == {}


def test_ratios_are_of_rounds() -> None:
    figures = Figures({NO_RULES: [1.0, 1.0], FEW: [2.0, 4.0], MANY: [2.0, 8.0]}, {}, {})
    assert figures.ratio == pytest.approx(1.5)
    assert figures.added_ratio == pytest.approx(2.0)


def test_a_lost_packet_fails_the_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    seconds = {NO_RULES: [0.5e-6], FEW: [1e-6], MANY: [1e-6]}
    found = Figures(seconds, {NO_RULES: 0, FEW: 0, MANY: 1}, {NO_RULES: {}, FEW: {}, MANY: {}})
    monkeypatch.setattr(packets, "move", lambda *_: None)
    monkeypatch.setattr(packets, "measure", lambda *_: found)
    assert main(["--json", str(tmp_path / "found")]) == 1
    assert "NOT MEASURED: packets that did not arrive: many endpoints 1" in capsys.readouterr().out
    assert json.loads((tmp_path / "found").read_text())["ratio"] == 1.0
