"""What the kernel is shown to do for root of the machine, it does for everybody in a network of their own.

One test of each file, for what they need is what their files set up; `make ordinary` runs all.
"""

import pytest

from tests.ordinary.running import run, written

_LACKING = "skipped: this kernel does not "
"""For nobody, then."""


@pytest.mark.timeout(900)
@pytest.mark.xdist_group("ordinary")
def test_as_an_ordinary_user_nothing_is_left_out_of_the_kernels_tests_but_what_is_written() -> None:
    done = run("-p", "tests.ordinary.firsts", "tests/kernel")
    if done.code:
        pytest.fail(f"as an ordinary user:\n{done.output}", pytrace=False)
    of_the_user = {test: why for test, why in done.left_out.items() if not why.startswith(_LACKING)}
    assert of_the_user == written()["tests/kernel"]
    assert len(done.passed) > 25
