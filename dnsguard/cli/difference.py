"""What an apply changes, line by line."""

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from dnsguard.cli.output import as_text
from dnsguard.cli.sending import Applied, content
from dnsguard.cli.server import Object

_COLOURS = {"+": "32", "-": "31", "@": "36"}


def difference(applied: Applied, source: str) -> list[str]:
    """A unified diff of both as YAML; empty where nothing changes. ``source``: where the new one is written."""
    import difflib

    name = "/".join(part for part in (applied.namespace, applied.name) if part)
    before, after = (_lines(value) for value in (applied.before, applied.after))
    return list(
        difflib.unified_diff(
            before,
            after,
            f"{applied.kind.kind} {name} (server)" if before else "/dev/null",
            f"{applied.kind.kind} {name} ({source})" if after else "/dev/null",
            lineterm="",
        )
    )


def coloured(lines: Iterable[str], environ: Mapping[str, str] = os.environ) -> Iterator[str]:
    """Lines of a diff; in colour on a terminal, unless NO_COLOR is set (no-color.org)."""
    wanted = sys.stdout.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
    for line in lines:
        colour = _COLOURS.get(line[:1]) if wanted else None
        yield f"\x1b[{colour}m{line}\x1b[0m" if colour else line


def _lines(value: Object | None) -> list[str]:
    return [] if value is None else as_text(_sorted(content(value)), "yaml").splitlines()


def _sorted(value: Any) -> Any:
    """Fields by name: their order means nothing, and is not the same everywhere."""
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value
