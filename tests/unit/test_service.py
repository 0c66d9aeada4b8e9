import logging

import pytest

from dnsguard.errors import DnsguardError
from dnsguard.service import serve
from dnsguard.settings import Settings

ARGV = ["--state-dir", "state", "--run-dir", "run", "--upstreams", "192.0.2.99"]


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (None, 0, []),
        (DnsguardError("the store is damaged"), 1, ["the store is damaged"]),
        (
            ExceptionGroup("tasks", [ExceptionGroup("more", [DnsguardError("a")]), OSError(98, "in use")]),
            1,
            ["a", "[Errno 98] in use"],
        ),
    ],
)
def test_how_it_ends(caplog: pytest.LogCaptureFixture, raised: Exception | None, code: int, said: list[str]) -> None:
    async def run(settings: Settings, _: object) -> None:
        assert settings.upstreams == ("192.0.2.99:53",)
        if raised is not None:
            raise raised

    assert serve(ARGV, "controller", run) == code
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR] == said


def test_a_mistake_of_ours_is_not_hidden() -> None:
    async def run(*_: object) -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        serve(ARGV, "controller", run)


def test_wrong_settings_are_listed_with_their_own_exit_code(caplog: pytest.LogCaptureFixture) -> None:
    async def run(*_: object) -> None:
        raise AssertionError("it must not start")

    assert serve([*ARGV, "--table", "no good", "--on-stop", "Perhaps"], "controller", run) == 2
    assert len([record for record in caplog.records if record.levelno == logging.ERROR]) == 2
