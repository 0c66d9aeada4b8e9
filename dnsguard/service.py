"""A process of its own: settings, signals, exit codes."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Sequence

from dnsguard.errors import DnsguardError
from dnsguard.settings import Settings, SettingsError, settings_from_argv

log = logging.getLogger(__name__)

FAILED, MISUSED = 1, 2

Run = Callable[[Settings, asyncio.Event], Awaitable[None]]
"""Works until the event is set. Raises DnsguardError where it cannot start or go on."""


def serve(argv: Sequence[str], name: str, run: Run) -> int:
    """Run until SIGTERM or SIGINT. Exit code: 0 stopped, 1 could not start or go on, 2 wrong settings."""
    log_as(name)
    try:
        settings = settings_from_argv(argv, f"dnsguard {name}")
    except SettingsError as error:
        for problem in error.problems:
            log.error("%s", problem)
        return MISUSED
    return serve_with(settings, run)


def log_as(name: str) -> None:
    """Every line of the log is to bear this name."""
    logging.basicConfig(level=logging.INFO, format=f"%(asctime)s {name} %(levelname)s %(message)s")


def serve_with(settings: Settings, run: Run) -> int:
    """The same with settings that are known."""
    code = 0
    try:
        asyncio.run(_until_signalled(settings, run))
    except* (DnsguardError, OSError) as group:
        for each in _leaves(group):
            log.error("%s", each)
        code = FAILED
    return code


async def _until_signalled(settings: Settings, run: Run) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    await run(settings, stopped)


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for each in group.exceptions:
        found += _leaves(each) if isinstance(each, BaseExceptionGroup) else [each]
    return found
