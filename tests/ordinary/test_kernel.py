"""What the kernel is shown to do for root of the machine, it does for everybody in a network of their own."""

import pytest

from tests.ordinary.running import run, written


@pytest.mark.timeout(900)
@pytest.mark.xdist_group("ordinary")
def test_as_an_ordinary_user_nothing_is_left_out_of_the_kernels_tests_but_what_is_written() -> None:
    done = run("tests/kernel")
    if done.code:
        pytest.fail(f"as an ordinary user:\n{done.output}", pytrace=False)
    assert done.left_out == written()["tests/kernel"]
    assert len(done.passed) > 300
