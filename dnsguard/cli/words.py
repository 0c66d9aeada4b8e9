"""KIND NAME on a command line."""

from collections.abc import Iterator, Sequence

from dnsguard.cli.errors import UsageError
from dnsguard.resources import KINDS, Kind, UnknownKind, kind_named


def kinds_and_names(words: Sequence[str]) -> Iterator[tuple[Kind, str | None]]:
    """`KIND`, `KIND,KIND`, `KIND NAME…` or `KIND/NAME…`; None for a kind alone. Raises UsageError."""
    if any("/" in word for word in words):
        for word in words:
            name, slash, rest = word.partition("/")
            if not slash or not rest:
                raise UsageError(_of_two_minds(words))
            kind = _kind(name)
            namespace, inner, alone = rest.partition("/")
            if inner:
                raise UsageError(f"{word!r}: write the namespace for itself, as in -n {namespace} {name}/{alone}")
            yield kind, rest
        return
    if "," in words[0]:
        if len(words) > 1:
            raise UsageError(f"{words[0]!r}: several kinds take no names: write KIND/NAME for each")
        for word in words[0].split(","):
            yield _kind(word), None
        return
    kind = _kind(words[0])
    if len(words) == 1:
        yield kind, None
    for name in words[1:]:
        yield kind, name


def kinds_text() -> str:
    """All kinds with their short names, for `--help`."""
    names = (
        f"{kind.collection} ({', '.join(kind.short_names)})" if kind.short_names else kind.collection for kind in KINDS
    )
    return f"kinds: {', '.join(names)}"


def meant_as_kinds(words: Sequence[str]) -> str:
    """What to add to an error about names that are all names of kinds too, as in `snp sknp`; else nothing."""
    try:
        for word in words:
            kind_named(word)
    except UnknownKind:
        return ""
    return f"; several kinds stand with a comma between them: {','.join(words)}"


def _kind(word: str) -> Kind:
    try:
        return kind_named(word)
    except UnknownKind as error:
        raise UsageError(str(error)) from None


def _of_two_minds(words: Sequence[str]) -> str:
    """`wep shop/web`: after a kind, what has a slash is meant as NAMESPACE/NAME."""
    if "/" not in words[0]:
        namespace, _, name = next(word for word in words if "/" in word).partition("/")
        return f"'{namespace}/{name}': write the namespace for itself, as in -n {namespace} {words[0]} {name}"
    return f"{words[0]!r}: write KIND/NAME for each, or KIND NAME"
