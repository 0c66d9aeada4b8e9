"""Inputs that are kept on disk: what stood in for an invalid object does so after a restart."""

import logging
from pathlib import Path

from dnsguard.controller.files import read_objects, write_objects
from dnsguard.controller.inputs import Inputs, InvalidObject

log = logging.getLogger(__name__)


class KeptInputs:
    """Inputs over restarts, and what goes wrong with following the store and with keeping them."""

    def __init__(self, path: Path) -> None:
        """``path``: where the last valid version of every object is kept."""
        self._path = path
        self.inputs = Inputs()
        self.inputs.remember(read_objects(self._path))
        self._saved: tuple[InvalidObject, ...] = ()
        self._store_trouble = ""
        self._save_trouble = ""

    @property
    def trouble(self) -> str:
        return "; ".join(filter(None, (self._store_trouble, self._save_trouble)))

    def failed(self, why: str) -> None:
        """The store cannot be followed; empty: it can again."""
        self._store_trouble = why

    def save_if_needed(self) -> None:
        """Save when an object became invalid, or is so no longer. Rare, so it may block."""
        if self.inputs.invalid != self._saved:
            self.save()

    def save(self) -> None:
        """Write down the last valid version of every object: after a restart they stand in for invalid ones."""
        try:
            write_objects(self._path, self.inputs.valid_objects)
        except OSError as error:
            self._save_trouble = f"{self._path} cannot be written: {error.strerror}"
            log.error("%s", self._save_trouble)
        else:
            self._saved = self.inputs.invalid
            self._save_trouble = ""
