"""`dnsguard get`: show objects."""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from dnsguard.cli.access import add_server_flags
from dnsguard.cli.counted import COUNTED, add_counts, rule_lines
from dnsguard.cli.errors import UsageError
from dnsguard.cli.listing import CHUNK, Following, listed
from dnsguard.cli.names import is_missing, meant_instead
from dnsguard.cli.output import add_output_flag, as_text, without_owners
from dnsguard.cli.server import Object, Server, ServerError, object_path
from dnsguard.cli.table import aligned, columns, rows
from dnsguard.cli.words import kinds_and_names, kinds_text, meant_as_kinds
from dnsguard.resources import Kind


def main(argv: Sequence[str]) -> int:
    """Show what there is, and with -w what becomes of it."""
    parser = argparse.ArgumentParser(prog="dnsguard get", description="Show objects.", epilog=kinds_text())
    parser.add_argument("words", nargs="+", metavar="KIND [NAME]", help="kind, or kind and names, or KIND/NAME")
    scope = parser.add_mutually_exclusive_group()
    scope.add_argument("-n", "--namespace", help="default: default")
    scope.add_argument("-A", "--all-namespaces", action="store_true", help="objects of all of them")
    parser.add_argument("-l", "--selector", help="label selector, as app=web,tier in (a,b)")
    parser.add_argument("--field-selector", metavar="FIELDS", help="as metadata.name=web or spec.tier!=default")
    parser.add_argument(
        "--chunk-size",
        type=_chunk,
        default=CHUNK,
        metavar="N",
        help=f"objects to ask for at once (default: {CHUNK}); 0: all",
    )
    add_output_flag(parser, "wide", "name", instead_of="a table")
    parser.add_argument("-w", "--watch", action="store_true", help="go on showing changes")
    parser.add_argument(
        "--stats", action="store_true", help="show what rules of policies, profiles or tiers matched on the server's"
        " node: of a connection its first packet, and all that were denied; with one NAME for each rule",
    )  # fmt: skip
    add_server_flags(parser)
    arguments = parser.parse_intermixed_args(argv)
    asked = list(kinds_and_names(arguments.words))
    if arguments.watch and len(asked) > 1:
        raise UsageError("--watch takes one kind, or one object")
    for flag, given in (("--selector", arguments.selector), ("--field-selector", arguments.field_selector)):
        if given and any(name for _, name in asked):
            raise UsageError(f"{flag} and a name exclude each other")
    if arguments.all_namespaces and any(kind.namespaced and name for kind, name in asked):
        raise UsageError(f"a name needs its namespace: write -n instead of -A{meant_as_kinds(arguments.words)}")
    if arguments.stats:
        _check_stats(arguments, [kind for kind, _ in asked])
    with Server.of(arguments) as server:
        return _Getter(server, arguments).show(asked)


def _check_stats(arguments: argparse.Namespace, kinds: Sequence[Kind]) -> None:
    if arguments.watch:
        raise UsageError("--stats and --watch exclude each other: a count is no change of an object")
    if arguments.output == "name":
        raise UsageError("--stats and -o name exclude each other")
    for kind in kinds:
        if kind.collection not in COUNTED:
            raise UsageError(f"--stats: nothing is counted of {kind.collection}, but of {', '.join(COUNTED)}")


class _Getter:
    def __init__(self, server: Server, arguments: argparse.Namespace) -> None:
        self._server = server
        self._output: str | None = arguments.output
        self._namespace = "" if arguments.all_namespaces else arguments.namespace or "default"
        self._all_namespaces: bool = arguments.all_namespaces
        self._choosing = {
            field: value
            for field, value in (
                ("labelSelector", arguments.selector),
                ("fieldSelector", arguments.field_selector),
            )
            if value
        }
        self._chunk: int = arguments.chunk_size
        self._watch: bool = arguments.watch
        self._stats: bool = arguments.stats
        self._title_printed = False

    def show(self, asked: Sequence[tuple[Kind, str | None]]) -> int:
        code = 0
        found: list[tuple[Kind, Object]] = []
        version = ""
        for kind, name in asked:
            try:
                if name is None:
                    values, version = self._list(kind)
                else:
                    values = [self._server.get(object_path(kind, self._namespace, name))]
                    version = values[0]["metadata"].get("resourceVersion", "")
                if self._stats and values:
                    each_rule = name is not None or self._output in ("json", "yaml")
                    add_counts(self._server, kind, self._namespace, values, rules=each_rule)
                found += [(kind, value) for value in values]
            except ServerError as error:
                subject = f"{kind.singular} {name}" if name else kind.collection
                meant = meant_instead(self._server, kind, self._namespace, name) if name and is_missing(error) else ""
                print(f"dnsguard get: {error.said_of(subject)}{meant}", file=sys.stderr)
                code = error.exit_code
        self._print(found, single=len(asked) == 1 and asked[0][1] is not None)
        if not found and code == 0 and self._output in (None, "wide") and not self._watch:
            where = "" if self._all_namespaces or not asked[0][0].namespaced else f" in namespace {self._namespace}"
            elsewhere = "; -A shows those of all namespaces" if where else ""
            print(f"no {asked[0][0].collection}{where}{elsewhere}", file=sys.stderr)
        if self._watch and code == 0:
            Following(self._server, asked[0][0], self._namespace, asked[0][1], self._choosing, self._print_event).run(
                [value for _, value in found], version
            )
        return code

    def _list(self, kind: Kind) -> tuple[list[Object], str]:
        return listed(self._server, kind, self._namespace, self._choosing, self._chunk)

    def _print(self, found: Sequence[tuple[Kind, Object]], *, single: bool) -> None:
        values = [without_owners(value) for _, value in found]
        match self._output:
            case "json" | "yaml":
                if values or not single:
                    whole: Any = values[0] if single else {"apiVersion": "v1", "kind": "List", "items": values}
                    print(as_text(whole, self._output))
            case "name":
                for kind, value in found:
                    print(kind.called(value["metadata"]["name"]))
            case _:
                for kind in dict.fromkeys(kind for kind, _ in found):
                    self._print_table(kind, [value for of, value in found if of is kind])
                if self._stats and single and found and found[0][0].collection != "tiers":
                    print("", *aligned(list(rule_lines(*found[0], wide=self._output == "wide"))), sep="\n")
        sys.stdout.flush()

    def _print_table(self, kind: Kind, values: Sequence[Object], event: str = "") -> None:
        shown = columns(
            kind, wide=self._output == "wide", with_namespace=self._all_namespaces, now=datetime.now(UTC),
            stats=self._stats,
        )  # fmt: skip
        lines = rows(shown, values)
        titles = [] if self._title_printed and event else [[column.title for column in shown]]
        self._title_printed = True
        for line in aligned([*titles, *lines]):
            print(f"{event}{line}")

    def _print_event(self, kind: Kind, event: str, value: Object) -> None:
        value = without_owners(value)
        match self._output:
            case "json":
                print(as_text({"type": event, "object": value}, "json"))
            case "yaml":
                print(f"---\n# {event}\n{as_text(value, 'yaml')}")
            case "name":
                print(f"{event.lower()} {kind.called(value['metadata']['name'])}")
            case _:
                self._print_table(kind, [value], event=f"{event.lower():<10}")
        sys.stdout.flush()


def _chunk(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of objects")
    return int(text)
