"""`dnsguard edit`: change one object in an editor."""

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from dnsguard.cli.access import add_server_flags
from dnsguard.cli.errors import CommandError, UsageError
from dnsguard.cli.names import is_missing, meant_instead
from dnsguard.cli.output import as_text
from dnsguard.cli.sending import content
from dnsguard.cli.server import Object, Server, ServerError, object_path
from dnsguard.cli.words import kinds_and_names
from dnsguard.resources import Kind

_HEAD = """\
# What is saved here is sent to the server; without a change, or without any text, nothing is.
"""


def main(argv: Sequence[str]) -> int:
    """Edit until the server takes it or the editor changes nothing. Raises CommandError."""
    parser = argparse.ArgumentParser(
        prog="dnsguard edit",
        description="Change one object in $VISUAL or $EDITOR. What the server refuses comes back with its reasons on"
        " top; what was typed is never lost, and an object that others changed meanwhile is not overwritten.",
    )
    parser.add_argument("words", nargs="+", metavar="KIND NAME", help="one object: KIND NAME, or KIND/NAME")
    parser.add_argument("-n", "--namespace", default="default", help="default: default")
    add_server_flags(parser)
    arguments = parser.parse_intermixed_args(argv)
    found = list(kinds_and_names(arguments.words))
    if len(found) != 1 or found[0][1] is None:
        raise UsageError("name one object: KIND NAME")
    kind, name = found[0]
    namespace = str(arguments.namespace) if kind.namespaced else ""
    with Server.of(arguments) as server:
        return _Editing(server, kind, namespace, str(name)).run()


class _Editing:
    """One object on its way through an editor, as often as it takes."""

    def __init__(self, server: Server, kind: Kind, namespace: str, name: str) -> None:
        self._server = server
        self._kind = kind
        self._namespace = namespace
        self._name = name
        self._path = object_path(kind, namespace, name)

    def run(self) -> int:
        live = self._live()
        original = as_text(_shown(live), "yaml") + "\n"
        text = original
        shown = ""
        reasons: tuple[str, ...] = ()
        handle, place = tempfile.mkstemp(prefix=f"{self._name}-", suffix=".yaml")
        os.close(handle)
        file = Path(place)
        keep = False
        try:
            while True:
                shown = _with_reasons(text, reasons)
                file.write_text(shown, encoding="utf-8")
                _edit(file)
                before, text = text, _typed(file)
                if not text.strip() or text == original or (reasons and text == before):
                    keep = bool(reasons and text.strip() and text != original)
                    return self._unchanged(file, keep=keep)
                reasons = self._send(text, live)
                if not reasons:
                    print(f"{self._kind.called(self._name)} edited")
                    return 0
        except _GaveUp:
            raise
        except BaseException:
            keep = text != original or (file.exists() and file.read_bytes() != shown.encode())
            if keep:
                print(f"dnsguard edit: what was typed is in {file}", file=sys.stderr)
            raise
        finally:
            if not keep:
                file.unlink(missing_ok=True)

    def _unchanged(self, file: Path, *, keep: bool) -> int:
        if keep:
            raise _GaveUp(f"given up; what was typed is in {file}: `dnsguard apply -f` takes it once it is right")
        print(f"{self._kind.called(self._name)} unchanged")
        return 0

    def _live(self) -> Object:
        try:
            found: Object = self._server.get(self._path)
        except ServerError as error:
            if not is_missing(error):
                raise
            raise CommandError(
                f"{error}{meant_instead(self._server, self._kind, self._namespace, self._name)}"
            ) from None
        return found

    def _send(self, text: str, live: Object) -> tuple[str, ...]:
        """Why the server does not take it; empty where it does. Raises UnreachableError."""
        value, reasons = _read(text)
        if reasons:
            return reasons
        metadata = value.get("metadata")
        if not isinstance(metadata, dict) or metadata.get("name") != self._name:
            return (f"metadata.name must stay {self._name}: an object is not renamed; apply another one",)
        metadata.setdefault("resourceVersion", live["metadata"]["resourceVersion"])
        try:
            _, warnings = self._server.send("PUT", self._path, value, {"fieldManager": "dnsguard-edit"})
        except ServerError as error:
            if error.status == HTTPStatus.CONFLICT and not error.causes:
                return self._conflict(live)
            return tuple(f"{cause.field}: {cause.message} ({cause.code})" for cause in error.causes) or (str(error),)
        for warning in warnings:
            print(f"warning: {warning}", file=sys.stderr)
        return ()

    def _conflict(self, live: Object) -> tuple[str, ...]:
        """Somebody else changed it: what they did, and on what to save it all the same."""
        import difflib

        now = self._server.find(self._path)
        if now is None:
            return ("it was deleted meanwhile: `dnsguard apply -f` of this text makes it anew",)
        version = now["metadata"]["resourceVersion"]
        was, became = (as_text(content(value), "yaml").splitlines() for value in (live, now))
        theirs = list(difflib.unified_diff(was, became, "as it was when you began", "as others made it", lineterm=""))
        return (
            f"others changed it meanwhile, as below; to save yours over it, set resourceVersion to {version!r}",
            *theirs,
        )


class _GaveUp(CommandError):
    """Nothing was changed; it says where the text is."""


def _shown(live: Object) -> Object:
    """Without what nobody edits."""
    metadata = {key: value for key, value in live["metadata"].items() if key != "managedFields"}
    return {**{key: value for key, value in live.items() if key != "status"}, "metadata": metadata}


def _read(text: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    """One object, and what is wrong with its syntax."""
    from dnsguard.resources.manifest import ManifestError, load_value

    try:
        value = load_value(text, "text")
    except ManifestError as error:
        return {}, tuple(str(fault) for fault in error.faults)
    return (value, ()) if isinstance(value, dict) else ({}, ("must be one object",))


def _with_reasons(text: str, reasons: Sequence[str]) -> str:
    said = "".join(f"# {line}\n" for reason in reasons for line in reason.splitlines())
    return f"{_HEAD}#\n{said}#\n{text}" if said else f"{_HEAD}{text}"


def _typed(file: Path) -> str:
    """Raises CommandError."""
    try:
        return _without_comments(file.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise CommandError(f"{file}: is no text in UTF-8; nothing was sent") from None
    except OSError as error:
        raise CommandError(f"{file}: cannot be read: {error.strerror}; nothing was sent") from None


def _without_comments(text: str) -> str:
    """Without the comments on top, which are ours."""
    lines = text.splitlines(keepends=True)
    while lines and lines[0].startswith("#"):
        del lines[0]
    return "".join(lines)


def _edit(file: Path, environ: Mapping[str, str] = os.environ) -> None:
    """Raises CommandError."""
    editor = environ.get("VISUAL") or environ.get("EDITOR") or "vi"
    try:
        done = subprocess.run([*shlex.split(editor), str(file)], check=False)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CommandError(f"{editor}: {reason}; name an editor in $EDITOR") from None
    if done.returncode != 0:
        raise CommandError(f"{editor} ended with {done.returncode}; nothing was sent")
