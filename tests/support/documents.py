"""What a document's fenced blocks are for.

=========================  =========================================================================================
a block without language   commands, typed in the order of the document; what goes on behind a backslash or ``<<END``
                           belongs to its command
``text`` right after one   what those commands show: ``…`` stands for what varies within a line, a line that holds
                           nothing else for any lines. Blanks count as one
``yaml`` that begins with  a manifest that is kept in a file of that name: ``# name.yaml``
a file's name
anything else              shown, not typed
=========================  =========================================================================================
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$\n*", re.DOTALL | re.MULTILINE)
_COMMAND = re.compile(r"[^\n]*<<END\n.*?\nEND\n|(?:[^\n]*\\\n)*[^\n]+\n", re.DOTALL)
_NAMED = re.compile(r"# ([\w.-]+\.yaml)\n")


@dataclass(frozen=True, slots=True)
class Typed:
    """A block of commands."""

    line: int
    """Where in the document it begins."""

    commands: tuple[str, ...]

    shows: str | None
    """What the document says that they show, together; ``None`` where it shows nothing."""

    def is_shown_by(self, said: str) -> bool:
        return self.shows is None or re.fullmatch(_pattern(self.shows), _plain(said)) is not None


def typed_in(document: str) -> Iterator[Typed]:
    """The blocks of commands, in order."""
    blocks = list(_BLOCK.finditer(document))
    for block, after in zip_longest(blocks, blocks[1:]):
        if block[1]:
            continue
        follows = after is not None and after[1] == "text" and after.start() == block.end()
        yield Typed(
            document.count("\n", 0, block.start()) + 1,
            tuple(_COMMAND.findall(block[2])),
            after[2] if follows else None,
        )


def manifests_in(document: str) -> dict[str, str]:
    """File name → text. Raises ValueError where a document has two of one name."""
    found: dict[str, str] = {}
    for language, text in _BLOCK.findall(document):
        if language == "yaml" and (named := _NAMED.match(text)):
            if named[1] in found:
                raise ValueError(f"{named[1]} is there twice")
            found[named[1]] = text
    return found


def _plain(text: str) -> str:
    lines = [re.sub(r"\s+", " ", line).strip() for line in text.splitlines()]
    return "".join(f"{line}\n" for line in lines if line)


def _pattern(shown: str) -> str:
    lines = _plain(shown).splitlines()
    return "".join(
        r"(?:[^\n]*\n)*?" if line == "…" else ".*?".join(map(re.escape, line.split("…"))) + r"\n" for line in lines
    )
