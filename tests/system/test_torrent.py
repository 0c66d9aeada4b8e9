"""The torrent in short: the same assertions as the long form, `python -m tests.torrent`, about less of everything."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.lab.guard import Guard
from tests.support.lab.lab import Lab
from tests.torrent.report import lines
from tests.torrent.run import SHORT, left_open, proved, torrent
from tests.torrent.sabotage import environment
from tests.torrent.scene import scene
from tests.torrent.streams import STREAMS, Verdict

pytestmark = [pytest.mark.xdist_group("torrent"), pytest.mark.timeout(300)]

FLAGS = "--node-name", "lab-node"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with scene() as built:
        yield built


def test_whatever_happens_no_allowed_packet_is_lost_and_no_denied_one_passes(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    with Guard(lab, FLAGS) as guard:
        outcome = torrent(lab, guard, SHORT, lambda _: None)
    with capsys.disabled():
        print("", *lines(outcome), sep="\n")
    assert outcome.wrong == []
    assert all(found.allowed and found.denied for found in outcome.phases.values())
    assert outcome.done["look-ups"] > outcome.done["look-ups that failed"]


def test_what_stands_open_is_seen_on_every_denied_stream(lab: Lab) -> None:
    with Guard(lab, FLAGS) as guard:
        found = left_open(lab, guard, SHORT)
    assert set(found.passed) == {stream.name for stream in STREAMS if stream.verdict is Verdict.DROPPED}
    assert not found.lost


@pytest.mark.parametrize("kind", ["piecemeal", "forgetful"])
def test_a_dnsguard_that_breaks_its_promise_is_found_out(lab: Lab, kind: str, tmp_path: Path) -> None:
    with Guard(lab, FLAGS, environment(kind, tmp_path)) as guard:
        found = proved(lab, guard, SHORT)
    if kind == "piecemeal":
        assert found.lost, "between its pieces allowed packets are dropped"
    else:
        assert found.is_wrong, "what is said to be in force is not"
