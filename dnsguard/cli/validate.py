"""`dnsguard validate -f`: check files without a server."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from dnsguard.cli.files import add_file_flags, object_name, read_files

if TYPE_CHECKING:
    from dnsguard.resources.manifest import Document


def main(argv: Sequence[str]) -> int:
    """0 when every object is good, 2 with every fault otherwise; warnings do not count."""
    parser = argparse.ArgumentParser(prog="dnsguard validate", description="Check files without a server.")
    add_file_flags(parser, required=True)
    arguments = parser.parse_args(argv)
    documents = read_files(arguments.filename, arguments.namespace)
    warned = list(document_warnings(documents))
    for warning in warned:
        print(f"warning: {warning}", file=sys.stderr)
    sources = len({document.source for document in documents})
    verdict = f"valid, {_counted(len(warned), 'warning')}" if warned else "all good"
    print(f"{_counted(len(documents), 'object')} in {_counted(sources, 'file')}: {verdict}")
    return 0


def document_warnings(documents: "Sequence[Document]") -> Iterator[str]:
    """What is valid and probably not meant; a tier that no file defines may exist on the server."""
    from dnsguard.resources import Tier, warnings
    from dnsguard.resources.references import reference_causes, reference_warnings
    from dnsguard.resources.tier import BUILTIN_TIERS

    tiers = {*BUILTIN_TIERS, *(document.resource.name for document in documents if isinstance(document.resource, Tier))}
    for document in documents:
        said = [*warnings(document.resource), *reference_warnings(document.resource, tiers)]
        said += [f"{cause.field}: {cause.message}" for cause in reference_causes(document.resource, tiers)]
        for text in said:
            field = ".".join(part for part in (document.prefix, text.partition(": ")[0]) if part)
            number = document.lines.of(field) or document.line
            line = f", line {number}" if number else ""
            yield f"{document.source}: document {document.number}{line}: {object_name(document)}: {text}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
