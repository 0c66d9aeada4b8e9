"""SIGHUP to `dnsguard run`: settings are read anew, and take effect where all of them can."""

from collections.abc import Callable
from typing import Final

from dnsguard.cli.reporting import Reporting
from dnsguard.settings import Settings, SettingsError

FIXED: Final = (
    "state_dir", "run_dir", "table", "node_name", "listen", "health_listen", "workers", "intercept_dns",
    "intercept_port",
)  # fmt: skip
"""What holds for as long as we run: sockets that we hold, files that are locked, names that are in the kernel."""


class Reloading:
    """The supervisor's watcher, for whoever is told by ``Reporting``. Settings that are wrong change nothing."""

    def __init__(
        self, reporting: Reporting, settings: Settings, reread: Callable[[], Settings], say: Callable[[str], None]
    ) -> None:
        """``reread``: the settings as they are written now; raises SettingsError."""
        self._reporting = reporting
        self._settings = settings
        self._reread = reread
        self._say = say
        self.looked = reporting.looked
        self.stopping = reporting.stopping

    def may_reload(self) -> bool:
        """Whether the children are to be started anew, with other settings perhaps."""
        try:
            wanted = self._reread()
        except SettingsError as error:
            problems = error.problems
        else:
            others = [name for name in FIXED if getattr(wanted, name) != getattr(self._settings, name)]
            problems = tuple(f"{name}: takes effect by a restart only" for name in others)
        if problems:
            for problem in problems:
                self._say(f"not reloaded: {problem}")
            self._reporting.refused(f"not reloaded: {problems[0]}")
            return False
        self._reporting.reloading()
        return True
