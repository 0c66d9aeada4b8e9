"""The selector grammar read letter by letter, with no tokens: slow, and easy to believe."""

import re
from collections.abc import Callable, Iterator, Mapping

from hypothesis import strategies as st

Meaning = Callable[[Mapping[str, str]], bool]
Reading = tuple[Meaning, int]
"""What was read, and where it ended."""

_LABEL = re.compile(r"[a-zA-Z0-9_./-]{1,512}(?![a-zA-Z0-9_./-])")
_STRING = re.compile("\"([^\"]*)\"|'([^']*)'")
_SET = re.compile("""\\{[ \t]*(?:(?:"[^"]*"|'[^']*')(?:[ \t]*,[ \t]*(?:"[^"]*"|'[^']*'))*[ \t]*(?:,[ \t]*)?)?\\}""")
_WORD_END = r"(?![a-zA-Z0-9_./-])"

_COMPARISONS: dict[str, Callable[[str | None, str], bool]] = {
    "==": lambda actual, wanted: actual == wanted,
    "!=": lambda actual, wanted: actual != wanted,
    f"contains{_WORD_END}": lambda actual, wanted: actual is not None and wanted in actual,
    f"starts[ \t]*with{_WORD_END}": lambda actual, wanted: actual is not None and actual[: len(wanted)] == wanted,
    f"ends[ \t]*with{_WORD_END}": lambda actual, wanted: (
        actual is not None and wanted == actual[len(actual) - len(wanted) :]
        if actual is not None and len(wanted) <= len(actual)
        else False
    ),
}


def meaning(text: str) -> Meaning | None:
    """What the text means, or None where it is no selector."""
    if not text.strip(" \t"):
        return lambda _: True
    return next((found for found, end in _or(text, 0) if not text[end:].strip(" \t")), None)


def _or(text: str, at: int) -> Iterator[Reading]:
    yield from _chain(text, at, r"\|\|", _and, any)


def _and(text: str, at: int) -> Iterator[Reading]:
    yield from _chain(text, at, "&&", _operation, all)


def _chain(
    text: str,
    at: int,
    sign: str,
    part: Callable[[str, int], Iterator[Reading]],
    joined: Callable[[Iterator[bool]], bool],
) -> Iterator[Reading]:
    def longer(parts: tuple[Meaning, ...], end: int) -> Iterator[Reading]:
        yield (lambda labels: joined(one(labels) for one in parts)), end
        if match := re.compile(f"[ \t]*{sign}").match(text, end):
            for found, after in part(text, match.end()):
                yield from longer((*parts, found), after)

    for first, end in part(text, at):
        yield from longer((first,), end)


def _operation(text: str, at: int) -> Iterator[Reading]:
    if match := re.compile("[ \t]*!").match(text, at):
        for found, end in _operation(text, match.end()):
            yield _opposite(found), end
    yield from _primary(text, at)


def _opposite(of: Meaning) -> Meaning:
    return lambda labels: not of(labels)


def _comparison(label: str, holds: Callable[[str | None, str], bool], wanted: str) -> Meaning:
    return lambda labels: holds(labels.get(label), wanted)


def _primary(text: str, at: int) -> Iterator[Reading]:
    at += len(text[at:]) - len(text[at:].lstrip(" \t"))
    if match := re.compile(r"(?:all|global)\([ \t]*\)").match(text, at):
        yield (lambda _: True), match.end()
    if match := re.compile(r"has\([ \t]*([a-zA-Z0-9_./-]{1,512})[ \t]*\)").match(text, at):
        label = match[1]
        yield (lambda labels: label in labels), match.end()
    if text[at : at + 1] == "(":
        for found, end in _or(text, at + 1):
            if close := re.compile(r"[ \t]*\)").match(text, end):
                yield found, close.end()
    if match := _LABEL.match(text, at):
        yield from _condition(text, match[0], match.end())


def _condition(text: str, label: str, at: int) -> Iterator[Reading]:
    for operator, holds in _COMPARISONS.items():
        if match := re.compile(f"[ \t]*{operator}[ \t]*(?:{_STRING.pattern})").match(text, at):
            wanted = match[1] if match[1] is not None else match[2]
            yield _comparison(label, holds, wanted), match.end()
    if match := re.compile(f"[ \t]*(not[ \t]*)?in{_WORD_END}[ \t]*({_SET.pattern})").match(text, at):
        members = {first or second for first, second in _STRING.findall(match[2])}
        inside = match[1] is None
        yield (lambda labels: (labels.get(label) in members) is inside), match.end()


def selectors() -> st.SearchStrategy[str]:
    """Texts that are selectors, with blanks and parentheses wherever they may stand."""
    label = st.sampled_from(["a", "b", "in", "not", "has", "contains"])
    string = st.sampled_from(["''", '"a"', "'b'", '"ab"', "'a\"'"])
    blank = st.sampled_from(["", " ", "\t "])
    members = st.tuples(st.lists(string, max_size=3).map(" ,".join), st.sampled_from(["", ","])).map(
        lambda parts: f"{{{parts[0]}{parts[1] if parts[0] else ''}}}"
    )
    sign = st.sampled_from(["==", "!=", " contains ", " starts with ", " endswith", " ends\twith"])
    primary = st.one_of(
        st.sampled_from(["all()", "global( )", "has( a)", "has(b)"]),
        st.tuples(label, blank, sign, blank, string).map("".join),
        st.tuples(label, st.sampled_from([" in", " not in ", " notin"]), blank, members).map("".join),
    )
    return st.recursive(
        primary,
        lambda inner: st.one_of(
            st.tuples(st.just("!"), blank, inner).map("".join),
            st.tuples(st.just("("), blank, inner, blank, st.just(")")).map("".join),
            st.tuples(inner, blank, st.sampled_from(["&&", "||"]), blank, inner).map("".join),
        ),
        max_leaves=6,
    )
