"""What the commands share that show rows of a view under `/v1`: a table for people, the view itself for programs."""

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from dnsguard.cli.output import as_text
from dnsguard.cli.table import aligned

Part = Mapping[str, Any]


class ViewColumn(NamedTuple):
    """One column, and what a row shows in it."""

    title: str
    cell: Callable[[Part], str]
    only_wide: bool = False


def show_view(view: Part, rows: Iterable[Part], columns: Sequence[ViewColumn], arguments: argparse.Namespace) -> None:
    """Print it as `-o` has it; on the error output, that there is nothing, or that there is more."""
    if arguments.output in ("json", "yaml"):
        print(as_text(view, arguments.output))
    else:
        shown = [column for column in columns if arguments.output == "wide" or not column.only_wide]
        cells = [[column.cell(row) for column in shown] for row in rows]
        if cells:
            print("\n".join(aligned([[column.title for column in shown], *cells])))
        else:
            print("nothing found", file=sys.stderr)
    if view.get("truncated"):
        print("there is more: ask for less, or raise --limit", file=sys.stderr)


def listed(items: Sequence[str], most: int = 3) -> str:
    """The first of them, and how many more there are; `-` for none."""
    more = f" +{len(items) - most}" if len(items) > most else ""
    return ", ".join(items[:most]) + more if items else "-"


def lasting(seconds: float) -> str:
    """`59s`, `12m`, `5h`, `3d`: rounded down, as Kubernetes writes ages."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= 2 * length:
            return f"{int(seconds // length)}{unit}"
    return f"{int(seconds)}s"


def query(**asked: str | int | None) -> dict[str, str]:
    """What is asked for; what is empty is not said."""
    return {key: str(value) for key, value in asked.items() if value}
