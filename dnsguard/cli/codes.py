"""`dnsguard codes`: what the codes of errors and warnings ask for."""

import argparse
import difflib
from collections.abc import Sequence

from dnsguard.cli.errors import UsageError
from dnsguard.cli.output import add_output_flag, as_text
from dnsguard.resources.codes import CODES


def main(argv: Sequence[str]) -> int:
    """Show some codes, or all of them."""
    parser = argparse.ArgumentParser(prog="dnsguard codes", description="What codes of errors and warnings ask for.")
    parser.add_argument(
        "codes", nargs="*", metavar="CODE", help="as it stands behind a message, as V-32 (default: all)"
    )
    add_output_flag(parser)
    arguments = parser.parse_args(argv)
    codes = [code for word in arguments.codes for code in _meant(word)] or list(CODES)
    if arguments.output:
        print(as_text({code: CODES[code] for code in codes}, arguments.output))
        return 0
    width = max(map(len, codes))
    for code in codes:
        print(f"{code.ljust(width)}  {CODES[code]}")
    return 0


def _meant(word: str) -> list[str]:
    """The code of that name in any case; with `V-53`, its letters too. Raises UsageError."""
    named = [code for code in CODES if code.lower() == word.lower()]
    lettered = [code for code in CODES if code[:-1].lower() == word.lower() and code[-1].isalpha()]
    if found := named or lettered:
        return found
    close = difflib.get_close_matches(word.upper(), CODES, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    raise UsageError(f"{word!r} is no code{hint}; `dnsguard codes` lists them all")
