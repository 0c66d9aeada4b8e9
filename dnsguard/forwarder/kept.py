"""A value that outlives the process: in a file of its own, as JSON."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from dnsguard.files import replace_file

log = logging.getLogger(__name__)

Value = TypeVar("Value")


class KeptValue:
    """One file. What goes wrong with it is said in the log, and stops nobody."""

    def __init__(self, path: Path, *, writes: bool = True) -> None:
        """``writes``: not where another process keeps the same file; then it is only read."""
        self._path = path
        self._writes = writes

    def keep(self, value: object) -> None:
        """Put it in place of what the file holds."""
        if not self._writes:
            return
        try:
            replace_file(self._path, [json.dumps(value).encode() + b"\n"])
        except OSError as error:
            log.error("%s cannot be written: %s", self._path, error.strerror)

    def forget(self) -> None:
        """Keep nothing."""
        if self._writes:
            self._path.unlink(missing_ok=True)

    def read(self, parse: Callable[[Any], Value], otherwise: Value) -> Value:
        """What ``parse`` makes of the value; ``otherwise`` where there is none that can be used.

        ``parse`` may raise ValueError, TypeError or AttributeError.
        """
        try:
            return parse(json.loads(self._path.read_bytes()))
        except FileNotFoundError:
            return otherwise
        except (OSError, ValueError, TypeError, AttributeError) as error:
            log.warning("%s is ignored: %s", self._path, error)
            return otherwise
