"""What samples come to."""

import pytest

from loadtest.report import table
from loadtest.samples import Outcome, Row, Sample, quantile


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([3.0], 0.5, 3.0),
        ([2.0, 1.0], 0.5, 2.0),
        ([1.0, 2.0, 3.0], 0.5, 2.0),
        (range(1, 101), 0.99, 100.0),
        ([5.0, 1.0], 1.0, 5.0),
    ],
)
def test_quantile(values: list[float], share: float, expected: float) -> None:
    assert quantile(values, share) == expected


def test_ratios() -> None:
    row = Row("x", [Sample(0.2, 0.3), Sample(0.2, 0.3)], scratch=2.0, small=[Sample(0.1, 0.15)])
    assert row.against_scratch == pytest.approx(0.15)
    assert row.against_small == pytest.approx(2.0)
    assert Row("x", [Sample(0.2)]).against_scratch is None
    assert Row("x", [Sample(0.2)]).against_small is None


def test_what_could_not_be_measured_fails_the_run_and_stands_in_the_table() -> None:
    row = Row("endpoint created", [], "set full: Too many open files in system")
    assert "NOT MEASURED: set full" in list(table([row]))[1]
    assert Outcome(rows=[row]).failed
    assert Outcome(disagreements=["kernel sets: 1 differ"]).failed
    assert not Outcome(rows=[Row("endpoint created", [Sample(0.1)])]).failed
    assert row.as_json()["problem"]
