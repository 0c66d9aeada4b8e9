"""`-o`: the same values for programs that a command shows to people."""

import argparse
import json
from collections.abc import Mapping
from typing import Any


def add_output_flag(parser: argparse.ArgumentParser, *more: str, instead_of: str = "text") -> None:
    """`-o json` and `-o yaml`, which every command has that shows something; ``more``: what else it can show."""
    parser.add_argument("-o", "--output", choices=("json", "yaml", *more), help=f"instead of {instead_of}")


def as_text(value: Any, output: str) -> str:
    """A value as JSON or YAML, its fields in their order."""
    if output == "json":
        return json.dumps(value, indent=2, ensure_ascii=False)
    import yaml  # takes as long as everything else that most commands do

    return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True)).rstrip("\n")


def harmless(text: str) -> str:
    """Text of anybody's making for one line of a terminal: it stays one line, and does nothing to the terminal."""
    return text if text.isprintable() else "".join(sign if sign.isprintable() else "?" for sign in text)


def without_owners(value: Mapping[str, Any]) -> dict[str, Any]:
    """An object without who set which of its fields: that is longer than the object, and said by no manifest."""
    metadata = {key: inner for key, inner in value.get("metadata", {}).items() if key != "managedFields"}
    return {**value, "metadata": metadata}
