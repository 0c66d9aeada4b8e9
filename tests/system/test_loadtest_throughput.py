"""The load test of throughput at a small size: every node carries, policy judges connections and not packets."""

from contextlib import ExitStack
from shutil import which

import pytest

from loadtest import throughput
from loadtest.layers import Layers
from loadtest.throughput import PROGRAM, Carried, NotCarried, lines, main, measure, ways
from loadtest.ways import ours

pytestmark = [
    pytest.mark.xdist_group("loadtest throughput"),
    pytest.mark.skipif(which(PROGRAM) is None, reason=f"{PROGRAM} is not installed: deploy/setup --peers"),
]


def test_every_node_carries_and_judges_connections() -> None:
    compared = ways([10, 20], variants=5)
    found = measure(compared, seconds=1, rounds=1)
    assert [each.name for each in found] == [way.name for way in compared]
    for each in found:
        assert (len(each.rates), each.misjudged) == (1, 0), each.name
        assert each.rates[0] > 1e6


def test_what_policy_denies_is_not_carried() -> None:
    with ExitStack() as stack:
        made = ours(Layers(10, protocol="UDP")).testbed(stack)
        stack.enter_context(throughput._serving(made))
        with pytest.raises(NotCarried, match=PROGRAM):
            throughput._carried(made, 1)


def test_packets_that_were_judged_one_by_one_fail_the_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [Carried("no rules", {}, [2e9, 4e9]), Carried("ours", {}, [1e9, 4e9], misjudged=7)]
    assert found[1].share(found[0]) == 0.75
    monkeypatch.setattr(throughput, "move", lambda *_: None)
    monkeypatch.setattr(throughput, "measure", lambda *_: found)
    assert main([]) == 1
    assert "WRONG: ours: policy judged 7 packets more" in capsys.readouterr().out
    found[1].misjudged = 0
    assert main([]) == 0
    assert not any("WRONG" in line for line in lines(found))
