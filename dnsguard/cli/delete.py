"""`dnsguard delete`: by kind and name, or what files name."""

import argparse
import sys
from collections.abc import Iterator, Sequence

from dnsguard.cli.access import add_server_flags
from dnsguard.cli.errors import UsageError
from dnsguard.cli.files import add_file_flags, read_files
from dnsguard.cli.names import is_missing, meant_instead
from dnsguard.cli.server import Server, ServerError, object_path
from dnsguard.cli.words import kinds_and_names
from dnsguard.resources import Kind, kind_of_resource


def main(argv: Sequence[str]) -> int:
    """Delete each; one that cannot be deleted does not keep back the others."""
    parser = argparse.ArgumentParser(prog="dnsguard delete", description="Delete objects.")
    parser.add_argument("words", nargs="*", metavar="KIND NAME", help="kind and names, or KIND/NAME")
    add_file_flags(parser, required=False)
    parser.add_argument("--ignore-not-found", action="store_true", help="what does not exist is no error")
    parser.add_argument("--dry-run", action="store_true", help="let the server check everything and delete nothing")
    add_server_flags(parser)
    arguments = parser.parse_intermixed_args(argv)
    targets = list(_targets(arguments))
    code = 0
    parameters = {"dryRun": "All"} if arguments.dry_run else None
    with Server.of(arguments) as server:
        for kind, namespace, name in targets:
            shown = kind.called(name)
            try:
                server.delete(object_path(kind, namespace, name), parameters)
            except ServerError as error:
                if is_missing(error) and arguments.ignore_not_found:
                    continue
                meant = meant_instead(server, kind, namespace, name) if is_missing(error) else ""
                print(f"dnsguard delete: {error.said_of(shown)}{meant}", file=sys.stderr)
                code = error.exit_code
            else:
                print(f"{shown} deleted{' (dry run)' if arguments.dry_run else ''}")
    return code


def _targets(arguments: argparse.Namespace) -> Iterator[tuple[Kind, str, str]]:
    """What to delete, what refers to other things first."""
    if bool(arguments.filename) == bool(arguments.words):
        raise UsageError("say what to delete: KIND NAME, or -f FILE")
    if arguments.filename:
        for document in reversed(read_files(arguments.filename, arguments.namespace)):
            resource = document.resource
            yield kind_of_resource(resource), resource.namespace, resource.name
        return
    for kind, name in kinds_and_names(arguments.words):
        if name is None:
            raise UsageError(f"name what to delete: {kind.singular} NAME")
        yield kind, (arguments.namespace or "default") if kind.namespaced else "", name
