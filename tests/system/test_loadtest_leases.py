"""The load test of leases at a small size: all are there, all outlive a restart, and what does not is said.

The program itself runs with --soak alone: that leases outlive a restart is tested in `test_forwarder_leases.py`, too.
"""

from pathlib import Path

import pytest

from loadtest import kernel, leases
from loadtest.adoption import CLIENTS, Options, Program, Restart, measure
from loadtest.kernel import Held
from loadtest.leases import lines, main

pytestmark = [pytest.mark.xdist_group("loadtest leases"), pytest.mark.timeout(300)]

SMALL = Options(leases=300, endpoints=20, policies=10, groups=5, patterns=40, sets=10, rate=200, probes=20)


@pytest.fixture(scope="module")
def program() -> Program:
    return measure(SMALL, lambda _: None)


@pytest.mark.soak
def test_every_client_has_every_lease_and_keeps_it(program: Program) -> None:
    assert program.leases == CLIENTS * 5
    there = range(program.leases + 1, program.leases + 5)  # and that by which the program was seen to answer
    assert program.elements in there
    assert program.unanswered == 0
    assert [each.kind for each in program.restarts] == ["SIGTERM", "SIGKILL"]
    ended, killed = program.restarts
    assert (ended.unanswered, ended.failed, killed.failed) == (0, 0, 0)
    for each in program.restarts:
        assert each.elements in there
        assert 0 < each.ended < each.adopted
    assert program.facts["lease sets"] >= 10
    assert set(program.megabytes) == {"controller", "forwarder"}
    assert not program.is_wrong


def test_the_kernel_lists_what_was_written() -> None:
    for held in kernel.measure(1_234):
        assert (held.elements, held.found, held.is_wrong) == (1_234, 1_234, False)


def test_what_was_lost_fails_the_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    held = Held("pairs", 10, 1.0, 1.0, 1.0, 10, 1.0)
    killed = Restart("SIGKILL", 0.1, 0.1, 1.0, 0.1, 0.1, asked=10, unanswered=1, failed=0, elements=6, megabytes=1.0)
    program = Program(5, elements=6, filled=1.0, restarts=[killed])
    monkeypatch.setattr(leases, "move", lambda *_: None)
    monkeypatch.setattr(leases, "measure", lambda *_: program)
    monkeypatch.setattr(kernel, "measure", lambda _: [held])
    assert main(["--json", str(tmp_path / "found")]) == 0
    assert "SIGKILL" in (tmp_path / "found").read_text()
    monkeypatch.setattr(kernel, "measure", lambda _: [Held("pairs", 10, 1.0, 1.0, 1.0, 9, 1.0)])
    assert main([]) == 1
    assert "WRONG: 9 of 10 are in the list" in capsys.readouterr().out
    lost = Restart("SIGTERM", 0.1, 0.1, 1.0, 0.1, 0.1, asked=10, unanswered=1, failed=0, elements=4, megabytes=1.0)
    wrong = Program(5, elements=5, filled=1.0, restarts=[lost])
    assert wrong.is_wrong
    assert "WRONG: of 10 look-ups 1 unanswered, 0 failed; 4 leases in the kernel" in lines([held], wrong, SMALL)
