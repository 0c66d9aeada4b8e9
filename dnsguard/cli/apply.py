"""`dnsguard apply -f`: create or update objects."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from dnsguard.cli.errors import REFUSED, code_hint
from dnsguard.cli.files import add_file_flags, object_name, read_files
from dnsguard.cli.server import Object, Server, ServerError, add_server_flags, object_path
from dnsguard.resources import kind_of_resource

if TYPE_CHECKING:
    from dnsguard.resources.manifest import Document

_ATTEMPTS = 4


def main(argv: Sequence[str]) -> int:
    """Check everything, then send one object after another; those the server refuses do not keep back the others."""
    parser = argparse.ArgumentParser(prog="dnsguard apply", description="Create or update the objects of files.")
    add_file_flags(parser, required=True)
    parser.add_argument("--dry-run", action="store_true", help="let the server check everything and keep nothing")
    add_server_flags(parser)
    arguments = parser.parse_args(argv)
    documents = read_files(arguments.filename, arguments.namespace)
    refused: list[ServerError] = []
    with Server.of(arguments) as server:
        for document in documents:
            try:
                outcome, warnings = apply_document(server, document, dry_run=arguments.dry_run)
            except ServerError as error:
                _say_refusal(document, error)
                refused.append(error)
                continue
            for warning in warnings:
                print(f"warning: {document.source}: document {document.number}: {warning}", file=sys.stderr)
            print(f"{object_name(document)} {outcome}{' (dry run)' if arguments.dry_run else ''}")
    if hint := code_hint(cause.code for error in refused for cause in error.causes):
        print(f"dnsguard apply: {hint}", file=sys.stderr)
    return REFUSED if refused else 0


def apply_document(server: Server, document: "Document", *, dry_run: bool = False) -> tuple[str, tuple[str, ...]]:
    """`created`, `configured` or `unchanged`, and what the server warns about. Raises ServerError.

    An object that somebody else changes meanwhile is read and sent again, unless the manifest names its
    resourceVersion: then that conflict is the answer.
    """
    resource = document.resource
    kind = kind_of_resource(resource)
    parameters = {"dryRun": "All"} if dry_run else None
    path = object_path(kind, resource.namespace, resource.name)
    wanted = _with_namespace(document.data, resource.namespace)
    for attempt in range(1, _ATTEMPTS + 1):
        live = server.find(path)
        try:
            if live is None:
                _, warnings = server.send("POST", object_path(kind, resource.namespace), wanted, parameters)
                return "created", warnings
            sent = _over(live, wanted)
            answer, warnings = server.send("PUT", path, sent, parameters)
        except ServerError as error:
            pinned = resource.metadata.resource_version is not None
            if error.status != HTTPStatus.CONFLICT or pinned or attempt == _ATTEMPTS:
                raise
        else:
            return ("unchanged" if _content(live) == _content(answer) else "configured"), warnings
    raise AssertionError  # the last attempt returns or raises


def _with_namespace(data: Mapping[str, Any], namespace: str) -> Object:
    metadata = dict(data["metadata"])
    if namespace:
        metadata["namespace"] = namespace
    return {**data, "metadata": metadata}


def _over(live: Object, wanted: Object) -> Object:
    """The wanted object, with what the server keeps of the live one; a resourceVersion that was written stays."""
    from dnsguard.resources.metadata import SERVER_SET

    kept = {field: live["metadata"][field] for field in SERVER_SET if field in live["metadata"]}
    written = {field: value for field, value in wanted["metadata"].items() if value is not None}
    version = written.get("resourceVersion", kept.get("resourceVersion"))
    metadata = {**written, **kept}
    if version is not None:
        metadata["resourceVersion"] = version
    return {**wanted, "metadata": metadata}


def _content(value: Object) -> Object:
    """An object without what changes when nothing changes."""
    from dnsguard.resources.metadata import SERVER_SET

    metadata = {field: inner for field, inner in value["metadata"].items() if field not in SERVER_SET}
    return {**{field: inner for field, inner in value.items() if field != "status"}, "metadata": metadata}


def _say_refusal(document: "Document", error: ServerError) -> None:
    if error.causes:
        for cause in error.causes:
            print(f"dnsguard apply: {document.fault(cause)}", file=sys.stderr)
    else:
        line = f", line {document.line}" if document.line else ""
        where = f"{document.source}: document {document.number}{line}"
        print(f"dnsguard apply: {where}: {object_name(document)}: {error}", file=sys.stderr)
