"""Why an object is refused, as a client sees it."""

from collections.abc import Sequence
from typing import NamedTuple

from dnsguard.errors import DnsguardError

Path = tuple[str | int, ...]


class Cause(NamedTuple):
    """One thing that is wrong with an object, as a client sees it."""

    field: str
    """Where, as `spec.egress[0].destination.domains[1]`; empty for the object as a whole."""
    message: str
    """What is wrong and what to write instead."""
    code: str
    """The rule that was broken, `V-nn` or `D-nn`; else what it is about, as `required`, `type`, `null` or `scope`."""


class InvalidResource(DnsguardError):
    """An object breaks the rules of its kind; `causes` lists all that is wrong with it."""

    def __init__(self, subject: str, causes: Sequence[Cause]) -> None:
        self.subject = subject
        self.causes = tuple(causes)
        listed = "; ".join(cause_text(cause) for cause in self.causes)
        super().__init__(f"{subject} is invalid: {listed}")


def cause_text(cause: Cause) -> str:
    """`spec.tier: there is no such tier (V-08)`."""
    where = f"{cause.field}: " if cause.field else ""
    return f"{where}{cause.message} ({cause.code})"


def field_text(path: Path) -> str:
    """A path as text: `spec.egress[0].destination`; keys that hold a dot or slash stand in brackets."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif all(character not in step for character in "./[]") and step:
            text += f".{step}" if text else step
        else:
            text += f"[{step}]"
    return text
