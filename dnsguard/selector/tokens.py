"""Selector text as tokens."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from dnsguard.selector.errors import SelectorSyntaxError

MAX_LABEL_LENGTH = 512


class TokenKind(Enum):
    """What a token is; the value is how an error message calls it."""

    LABEL = "a label"
    STRING = "a quoted string"
    HAS = "has()"
    ALL = "all()"
    GLOBAL = "global()"
    EQUALS = "=="
    NOT_EQUALS = "!="
    CONTAINS = "contains"
    STARTS_WITH = "starts with"
    ENDS_WITH = "ends with"
    IN = "in"
    NOT_IN = "not in"
    NOT = "!"
    AND = "&&"
    OR = "||"
    OPEN_PARENTHESIS = "("
    CLOSE_PARENTHESIS = ")"
    OPEN_BRACE = "{"
    CLOSE_BRACE = "}"
    COMMA = ","
    END = "the end"


@dataclass(frozen=True, slots=True)
class Token:
    """One token of a selector."""

    kind: TokenKind
    value: str
    """The label of LABEL and HAS, the content of STRING, else empty."""

    column: int
    """Where it begins, counted from 1."""


_LABEL = re.compile(r"[a-zA-Z0-9_./-]+")
_WORD_END = r"(?![a-zA-Z0-9_./-])"

# Only directly after a label: anywhere else these words are labels themselves.
_WORD_OPERATORS = (
    (re.compile(f"contains{_WORD_END}"), TokenKind.CONTAINS),
    (re.compile(rf"starts[ \t]*with{_WORD_END}"), TokenKind.STARTS_WITH),
    (re.compile(rf"ends[ \t]*with{_WORD_END}"), TokenKind.ENDS_WITH),
    (re.compile(rf"not[ \t]*in{_WORD_END}"), TokenKind.NOT_IN),
    (re.compile(f"in{_WORD_END}"), TokenKind.IN),
)

# The parenthesis belongs to the word: `has (a)` is a label and a parenthesis, and no selector.
_CALLS = (
    ("has(", TokenKind.HAS),
    ("all(", TokenKind.ALL),
    ("global(", TokenKind.GLOBAL),
)

_SIGNS = (
    ("==", TokenKind.EQUALS),
    ("!=", TokenKind.NOT_EQUALS),
    ("&&", TokenKind.AND),
    ("||", TokenKind.OR),
    ("!", TokenKind.NOT),
    ("(", TokenKind.OPEN_PARENTHESIS),
    (")", TokenKind.CLOSE_PARENTHESIS),
    ("{", TokenKind.OPEN_BRACE),
    ("}", TokenKind.CLOSE_BRACE),
    (",", TokenKind.COMMA),
)

_HALF_SIGNS = {"=": "==", "&": "&&", "|": "||"}


def tokens(text: str) -> Iterator[Token]:
    """Yields the tokens of a selector, END as the last. Raises SelectorSyntaxError at what is no token."""
    position = _after_blanks(text, 0)
    after_label = False
    while position < len(text):
        token, position = _token_at(text, position, after_label)
        yield token
        after_label = token.kind is TokenKind.LABEL
        position = _after_blanks(text, position)
    yield Token(TokenKind.END, "", len(text) + 1)


def _token_at(text: str, position: int, after_label: bool) -> tuple[Token, int]:
    """The token that begins here, and where it ends."""
    column = position + 1
    if text[position] in "\"'":
        end = text.find(text[position], position + 1)
        if end < 0:
            raise SelectorSyntaxError(text, column, "the string that begins here is not closed")
        return Token(TokenKind.STRING, text[position + 1 : end], column), end + 1
    if after_label:
        for pattern, kind in _WORD_OPERATORS:
            if match := pattern.match(text, position):
                return Token(kind, "", column), match.end()
    for word, kind in _CALLS:
        if text.startswith(word, position):
            return _call(text, position, word, kind)
    if match := _LABEL.match(text, position):
        return Token(TokenKind.LABEL, _label(text, match), column), match.end()
    for sign, kind in _SIGNS:
        if text.startswith(sign, position):
            return Token(kind, "", column), position + len(sign)
    raise SelectorSyntaxError(text, column, _no_token(text[position]))


def _call(text: str, position: int, word: str, kind: TokenKind) -> tuple[Token, int]:
    inside = _after_blanks(text, position + len(word))
    label = ""
    if kind is TokenKind.HAS:
        match = _LABEL.match(text, inside)
        if match is None:
            raise SelectorSyntaxError(text, inside + 1, "has( ) needs the name of a label")
        label, inside = _label(text, match), _after_blanks(text, match.end())
    if not text.startswith(")", inside):
        raise SelectorSyntaxError(text, inside + 1, f"expected ) to close {word}")
    return Token(kind, label, position + 1), inside + 1


def _label(text: str, match: re.Match[str]) -> str:
    if len(match[0]) > MAX_LABEL_LENGTH:
        raise SelectorSyntaxError(text, match.start() + 1, f"a label is longer than {MAX_LABEL_LENGTH} characters")
    return match[0]


def _after_blanks(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t":
        position += 1
    return position


def _no_token(character: str) -> str:
    if character in _HALF_SIGNS:
        return f"{character!r} alone means nothing; did you mean {_HALF_SIGNS[character]}?"
    if character.isspace():
        return f"{character!r} is not allowed between the parts of a selector; only blanks and tabs are"
    return f"{character!r} is not allowed here"
