"""Times of steps add up, nested ones count once, and a name that moved is said."""

from collections.abc import Iterator

import pytest

from loadtest import probes
from loadtest.probes import PROBES, Probe, ProbeError, Recorder, installed


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """On a clock that counts how often it was asked."""

    def ticks() -> Iterator[float]:
        now = 0.0
        while True:
            yield now
            now += 1.0

    clock = ticks()
    monkeypatch.setattr(probes, "thread_time", lambda: next(clock))
    return Recorder()


def test_time_inside_another_probe_counts_there(recorder: Recorder) -> None:
    recorder.run("outer", lambda: recorder.run("inner", int))
    assert recorder.seconds == {"outer": 2.0, "inner": 1.0}


def test_the_guard_keeps_what_is_inside_it(recorder: Recorder) -> None:
    recorder.run("guard", lambda: recorder.run("kernel", int))
    assert recorder.seconds == {"guard": 1.0}


def test_a_failure_is_counted_too(recorder: Recorder) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        recorder.run("parse", int, "x")
    assert recorder.seconds == {"parse": 1.0}
    recorder.start()
    assert recorder.seconds == {}


def test_every_probe_has_its_place_and_leaves_it() -> None:
    before = [probes._place(probe)[2] for probe in PROBES]
    with installed(Recorder()):
        assert all(probes._place(probe)[2] is not each for probe, each in zip(PROBES, before, strict=True))
    assert [probes._place(probe)[2] for probe in PROBES] == before


def test_says_all_names_that_moved() -> None:
    moved = Probe("plan", "dnsguard.dataplane.plan", "gone"), Probe("plan", "dnsguard.dataplane.driver", "Gone.too")
    with (
        pytest.raises(ProbeError, match=r"plan\.gone, dnsguard\.dataplane\.driver\.Gone\.too"),
        installed(Recorder(), moved),
    ):
        pass


def test_profiles_the_step_that_was_asked_for() -> None:
    recorder = Recorder(profiled="parse")
    recorder.run("parse", sorted, [3, 1, 2])
    recorder.run("plan", sum, [1, 2])
    recorder.profile.create_stats()
    names = {name for _, _, name in recorder.profile.stats}
    assert any("sorted" in name for name in names)
    assert not any("sum" in name for name in names)
