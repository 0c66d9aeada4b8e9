"""Manifests that a command is given: files, directories, standard input."""

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dnsguard.cli.errors import UsageError
from dnsguard.resources import KINDS, Cause, Kind, kind_of_resource

if TYPE_CHECKING:
    from dnsguard.resources.manifest import Document, Fault

_SUFFIXES = frozenset({".yaml", ".yml", ".json"})
_RANKS = {kind: rank for rank, kind in enumerate(KINDS)}


def add_file_flags(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """`-f`, several times, and the namespace for objects that name none."""
    parser.add_argument(
        "-f",
        "--filename",
        action="extend",
        nargs="+",
        required=required,
        metavar="FILE",
        help="YAML or JSON files; folders with such files, at any depth; - for standard input",
    )
    parser.add_argument("-n", "--namespace", help="for objects that name no namespace (default: default)")


def read_files(names: Sequence[str], namespace: str | None = None) -> "list[Document]":
    """All objects of all files, what is referred to before what refers to it.

    Raises ManifestError with the faults of all files, UsageError for a file that cannot be read.
    """
    from dnsguard.resources.manifest import ManifestError, load  # the models come with it, and take their time

    documents: list[Document] = []
    faults: list[Fault] = []
    unreadable: list[str] = []
    for source, path in _sources(names):
        try:
            text = sys.stdin.buffer.read() if path is None else path.read_bytes()
        except OSError as error:
            unreadable.append(f"{source}: cannot be read: {error.strerror}")
            continue
        try:
            documents += load(text, source, namespace)
        except ManifestError as error:
            faults += error.faults
    documents, repeated = _without_repeated(documents)
    faults += repeated
    if unreadable:
        raise UsageError("\n".join([*unreadable, *map(str, faults)]))
    if faults:
        raise ManifestError(faults)
    if not documents:
        raise UsageError(f"no objects in {', '.join(names)}")
    return sorted(documents, key=lambda document: _RANKS[kind_of_resource(document.resource)])


def _sources(names: Sequence[str]) -> Iterator[tuple[str, Path | None]]:
    for name in names:
        if name == "-":
            yield "-", None
            continue
        if re.match(r"https?://", name):
            raise UsageError(f"{name} is an address: fetch it first, as in curl -s {name} | dnsguard apply -f -")
        path = Path(name)
        if path.is_dir():
            for inner in sorted(path.rglob("*")):
                if inner.suffix in _SUFFIXES and inner.is_file():
                    yield str(inner), inner
        else:
            yield name, path


def _without_repeated(documents: "Sequence[Document]") -> "tuple[list[Document], list[Fault]]":
    """Every object once. One that stands twice and differs is a fault: the second would silently replace the first."""
    seen: dict[tuple[Kind, str, str], Document] = {}
    faults: list[Fault] = []
    for document in documents:
        resource = document.resource
        first = seen.setdefault((kind_of_resource(resource), resource.namespace, resource.name), document)
        if first.resource != resource:
            where = f"{first.source}, document {first.number}"
            text = f"the same object stands in {where} already, and is not the same there"
            faults.append(document.fault(Cause("metadata.name", text, "duplicate")))
    return list(seen.values()), faults


def object_name(document: "Document") -> str:
    """As `Kind.called` has it."""
    return kind_of_resource(document.resource).called(document.resource.name)
