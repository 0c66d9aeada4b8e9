"""Components outside ASCII, in the form that DNS carries."""

import re

import idna

_MAX_CHARACTERS = 255
"""More than fits into any name; keeps the quadratic Punycode off hostile input."""

_UNCHANGED_MEANING = re.compile(r"[^\x00-\x7f]|[a-z0-9_-]")


class NotInternational(Exception):
    """A component has no `xn--` form; `str()` says why."""


def ascii_component(component: str) -> str:
    """The `xn--` form of a component that holds characters outside ASCII (UTS #46, non-transitional).

    May be longer than DNS allows. Raises NotInternational. A component whose mapping turns a character into a dot, an
    asterisk or anything else that means something to us has none: what looks like a letter must not act like a border.
    """
    if len(component) > _MAX_CHARACTERS:
        raise NotInternational(f"more than {_MAX_CHARACTERS} characters")
    try:
        mapped = idna.uts46_remap(component, std3_rules=False, transitional=False)
        for character in mapped:
            if not _UNCHANGED_MEANING.fullmatch(character):
                raise NotInternational(f"{character!r}, or a character that stands for it, is not allowed here")
        if mapped.isascii():
            return mapped
        idna.check_label(mapped)
    except (idna.IDNAError, UnicodeError) as error:
        raise NotInternational(str(error)) from error
    return "xn--" + mapped.encode("punycode").decode("ascii")
