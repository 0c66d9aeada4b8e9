"""Full collections are timed, others are not, and nothing is left behind."""

import gc

from loadtest.collector import pauses


def test_full_collections_are_timed() -> None:
    before = list(gc.callbacks)
    with pauses() as found:
        gc.collect(0)
        gc.collect(1)
        assert found == []
        gc.collect()
        assert len(found) == 1
        assert found[0] > 0
    assert gc.callbacks == before
