"""`dnsguard apply -f`: create or update objects, and take away those that are no more."""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from dnsguard.cli.access import add_server_flags
from dnsguard.cli.difference import coloured, difference
from dnsguard.cli.errors import BAD_INPUT, FORBIDDEN, REFUSED, UsageError, code_hint
from dnsguard.cli.files import add_file_flags, object_name, read_files
from dnsguard.cli.output import add_output_flag, as_text
from dnsguard.cli.progress import FROM, Progress
from dnsguard.cli.pruning import Identity, LeftOver, pruned
from dnsguard.cli.sending import CONFIGURED, CREATED, PRUNED, UNCHANGED, Applied, Applier
from dnsguard.cli.server import Server, ServerError, UnreachableError, object_path
from dnsguard.resources import kind_of_resource

if TYPE_CHECKING:
    from dnsguard.resources.manifest import Document


def main(argv: Sequence[str]) -> int:
    """Check everything, then send one object after another; those the server refuses do not keep back the others."""
    parser = argparse.ArgumentParser(
        prog="dnsguard apply",
        description="Create or update the objects of files: namespaces, tiers and sets first, then policies. Every file"
        " is checked before anything is sent.",
    )
    _add_flags(parser)
    parser.add_argument("--dry-run", action="store_true", help="let the server check everything and keep nothing")
    parser.add_argument("--diff", action="store_true", help="show what changes, line by line; with --dry-run only that")
    parser.add_argument("--confirm", action="store_true", help="show what would change, and ask before it does")
    arguments = parser.parse_args(argv)
    _check(arguments)
    if arguments.confirm and not sys.stdin.isatty():
        raise UsageError("--confirm asks on a terminal, and there is none; --diff --dry-run shows what would change")
    documents = read_files(arguments.filename, arguments.namespace)
    with Server.of(arguments) as server:
        if arguments.confirm:
            preview = Run(server, documents, arguments, dry_run=True, shows_difference=True)
            code = preview.run()
            if code or not preview.changes or not _is_wanted():
                return code
            arguments.diff = False
        run = Run(server, documents, arguments, dry_run=arguments.dry_run, shows_difference=arguments.diff)
        code = run.run()
    return code or int(arguments.diff and arguments.dry_run and run.changes)


def diff(argv: Sequence[str]) -> int:
    """Show what an apply would change: 1 where it would."""
    parser = argparse.ArgumentParser(
        prog="dnsguard diff",
        description="Show what `dnsguard apply` of the same files would change, and change nothing. Exit code 0 where"
        " nothing would change, 1 where something would, 2 where something would be refused.",
    )
    _add_flags(parser)
    arguments = parser.parse_args(argv)
    _check(arguments)
    documents = read_files(arguments.filename, arguments.namespace)
    with Server.of(arguments) as server:
        run = Run(server, documents, arguments, dry_run=True, shows_difference=True)
        code = run.run()
    return (BAD_INPUT if code == REFUSED else code) or int(run.changes)


def _add_flags(parser: argparse.ArgumentParser) -> None:
    add_file_flags(parser, required=True)
    parser.add_argument(
        "-R", "--recursive", action="store_true", help="taken as kubectl has it: folders are read whole in any case"
    )
    parser.add_argument("--applyset", metavar="NAME", default="", help="what all these objects belong to, for --prune")
    parser.add_argument(
        "--prune", action="store_true", help="delete what an earlier apply of the same --applyset brought, and is in"
        " none of these files any more",
    )  # fmt: skip
    add_output_flag(parser, "name", instead_of="a line for each object")
    add_server_flags(parser)


def _check(arguments: argparse.Namespace) -> None:
    from dnsguard.resources.metadata import label_value_fault

    if arguments.prune and not arguments.applyset:
        raise UsageError("--prune needs --applyset NAME: only what an apply of that name brought is ever taken away")
    if fault := label_value_fault(arguments.applyset):
        raise UsageError(f"--applyset {arguments.applyset}: {fault}")


def _is_wanted() -> bool:
    print("Apply this? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


class Run:
    """One pass over all documents."""

    def __init__(
        self,
        server: Server,
        documents: "Sequence[Document]",
        arguments: argparse.Namespace,
        *,
        dry_run: bool,
        shows_difference: bool,
    ) -> None:
        self._server = server
        self._documents = documents
        self._command = "diff" if not hasattr(arguments, "diff") else "apply"
        self._applyset: str = arguments.applyset
        self._prunes: bool = arguments.prune
        self._output: str | None = arguments.output
        self._dry_run = dry_run
        self._shows_difference = shows_difference
        self._refused: list[ServerError] = []
        self._counted: Counter[str] = Counter()
        self._listed: list[dict[str, Any]] = []
        self._progress = Progress("applying", len(documents))

    @property
    def changes(self) -> bool:
        """Whether anything was changed, or would be."""
        return any(self._counted[outcome] for outcome in (CREATED, CONFIGURED, PRUNED))

    def run(self) -> int:
        """Apply everything and prune; the exit code. Raises UnreachableError."""
        applier = Applier(self._server, dry_run=self._dry_run, applyset=self._applyset)
        with self._progress:
            for document in self._documents:
                try:
                    self._say(self._applied(applier, document), document)
                except ServerError as error:
                    self._progress.clear()
                    self._say_refusal(document, error)
                except UnreachableError:
                    self._progress.clear()
                    self._complain(f"the server went away: {self._counted.total()} of {len(self._documents)} were sent")
                    raise
                self._progress.step()
        if self._prunes:
            self._prune()
        self._say_end()
        codes = {error.exit_code for error in self._refused}
        return FORBIDDEN if codes == {FORBIDDEN} else REFUSED if codes else 0

    def _applied(self, applier: Applier, document: "Document") -> Applied:
        """Raises ServerError. A dry run keeps no tier, so a policy in a tier that comes with it is refused: that says
        nothing of what an apply does."""
        try:
            return applier.apply(document)
        except ServerError as error:
            resource = document.resource
            tiers = {each.resource.name for each in self._documents if each.resource.kind == "Tier"}
            missing = {cause.code for cause in error.causes} == {"V-08"}
            if not (self._dry_run and missing and getattr(getattr(resource, "spec", None), "tier", "") in tiers):
                raise
        kind = kind_of_resource(resource)
        before = self._server.find(object_path(kind, resource.namespace, resource.name))
        outcome = CREATED if before is None else CONFIGURED
        return Applied(kind, resource.namespace, resource.name, outcome, before, dict(document.data))

    def _prune(self) -> None:
        if self._refused:
            self._complain("nothing is pruned, since not everything could be applied")
            return
        kept: set[Identity] = {
            (kind_of_resource(resource), resource.namespace, resource.name)
            for resource in (document.resource for document in self._documents)
        }
        try:
            looking = LeftOver(self._server, self._applyset, kept)
            left = list(looking.found())
        except ServerError as error:
            self._refused.append(error)
            self._complain(f"nothing is pruned, since not all that there is can be seen: {error}")
            return
        if looking.unseen:
            print(
                f"warning: nothing of these is pruned, since you may not list them: {', '.join(looking.unseen)}",
                file=sys.stderr,
            )
        for identity, metadata in left:
            kind, _, name = identity
            try:
                gone = pruned(self._server, identity, metadata, dry_run=self._dry_run)
            except ServerError as error:
                self._refused.append(error)
                self._complain(f"{kind.called(name)} is not pruned: {error}")
            else:
                if gone is not None:
                    self._say(gone, None)

    def _say(self, applied: Applied, document: "Document | None") -> None:
        self._counted[applied.outcome] += 1
        if self._output is None or self._shows_difference:
            self._progress.clear()
        where = "" if document is None else f"{document.source}: document {document.number}: "
        for warning in applied.warnings:
            print(f"warning: {where}{warning}", file=sys.stderr)
        secret = (applied.after or {}).get("status", {}).get("token")
        if secret and not self._dry_run:
            print(f"{applied.called}: its token, shown this once: {secret}", file=sys.stderr)
        if self._output in ("json", "yaml"):
            self._listed.append(_listed(applied))
        elif self._output == "name":
            print(applied.called)
        elif self._shows_difference:
            for line in coloured(difference(applied, "" if document is None else document.source)):
                print(line)
        else:
            print(f"{applied.called} {applied.outcome}{' (dry run)' if self._dry_run else ''}")

    def _say_refusal(self, document: "Document", error: ServerError) -> None:
        self._refused.append(error)
        self._counted["refused"] += 1
        if error.causes:
            for cause in error.causes:
                self._complain(str(document.fault(cause)))
            return
        line = f", line {document.line}" if document.line else ""
        self._complain(f"{document.source}: document {document.number}{line}: {object_name(document)}: {error}")

    def _say_end(self) -> None:
        if hint := code_hint(cause.code for error in self._refused for cause in error.causes):
            self._complain(hint)
        if self._output in ("json", "yaml"):
            print(as_text({"items": self._listed}, str(self._output)))
        if self._shows_difference or sum(self._counted.values()) >= FROM:
            dry = " (dry run)" if self._dry_run else ""
            print(f"{', '.join(self._counts()) or 'nothing to do'}{dry}", file=sys.stderr)

    def _counts(self) -> Iterator[str]:
        for outcome in (CREATED, CONFIGURED, UNCHANGED, PRUNED, "refused"):
            if number := self._counted[outcome]:
                yield f"{number} {outcome}"

    def _complain(self, text: str) -> None:
        print(f"dnsguard {self._command}: {text}", file=sys.stderr)


def _listed(applied: Applied) -> dict[str, Any]:
    names = {"kind": applied.kind.kind, "namespace": applied.namespace, "name": applied.name}
    return {
        "apiVersion": applied.kind.api_version,
        **names,
        "outcome": applied.outcome,
        "warnings": [*applied.warnings],
    }
