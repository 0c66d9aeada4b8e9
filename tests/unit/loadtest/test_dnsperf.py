"""What dnsperf prints is read to the letter, and what is not there is said."""

import pytest

from loadtest.dns.dnsperf import LoadError, parsed

PRINTED = """
Statistics:

  Queries sent:         20000
  Queries completed:    19990 (99.95%)
  Queries lost:         10 (0.05%)

  Response codes:       NOERROR 16384 (81.96%), SERVFAIL 3606 (18.04%)
  Average packet size:  request 36, response 52
  Run time (s):         2.000000
  Queries per second:   9995.000000
"""


def test_the_figures_are_those_printed() -> None:
    load = parsed(PRINTED)
    assert (load.sent, load.completed, load.lost, load.seconds) == (20_000, 19_990, 10, 2.0)
    assert load.codes == {"NOERROR": 16_384, "SERVFAIL": 3_606}
    assert (load.answered, load.failed, load.rate) == (16_384, 3_616, 8_192)


def test_a_missing_figure_is_named() -> None:
    with pytest.raises(LoadError, match="does not say seconds"):
        parsed(PRINTED.replace("Run time", "Time"))
