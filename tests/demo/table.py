"""The table that the demo prints, a row as soon as it happened, and the count at its end."""

from collections.abc import Mapping, Sequence

from tests.demo.acts import Act, Connection, DomainChange, Introduction
from tests.demo.play import Outcome

HEADINGS = ("", "what it shows", "who", "to", "port", "policy", "happened", "decided by", "")
WIDTHS = (3, 48, 9, 21, 8, 6, 9, 48, 0)


def heading() -> str:
    """The first two lines."""
    return f"{_line(HEADINGS)}\n{_line(['─' * width for width in WIDTHS])}"


def line(outcome: Outcome, numbers: Mapping[str, int]) -> str:
    """One row; ``numbers`` tells which number a twin has."""
    row = outcome.row
    to, port = (row.to, _port(row)) if isinstance(row, Connection) else (row.name, "look-up")
    remarks = []
    if row.twin:
        remarks.append(f"like {numbers[row.twin]} but for {row.differs}")
    if outcome.seconds is not None:
        remarks.append(f"after {outcome.seconds * 1000:.0f} ms")
    if outcome.problems:
        remarks.insert(0, "DIFFERS")
    policy = "allow" if row.allowed else "deny"
    happened = outcome.happened if len(outcome.happened) <= WIDTHS[6] else "answered" if row.allowed else "other"
    cells = [str(outcome.number), row.shows, row.who, to, port, policy, happened, outcome.decided_by]
    return _line([*cells, "; ".join(remarks)])


def numbers_of(script: Sequence[Act]) -> dict[str, int]:
    """Key of a row → its number in the table."""
    rows = [act for act in script if not isinstance(act, (DomainChange, Introduction))]
    return {row.key: number for number, row in enumerate(rows, 1)}


def summary(outcomes: Sequence[Outcome], seconds: float) -> str:
    """The last lines: a count, and every row that differs with all that is known of it."""
    different = [outcome for outcome in outcomes if outcome.problems]
    allowed = sum(outcome.row.allowed for outcome in outcomes)
    lines = [
        f"{len(outcomes)} rows ({allowed} allowed, {len(outcomes) - allowed} denied): "
        f"{len(outcomes) - len(different)} as policy says, {len(different)} different; {seconds:.1f} s"
    ]
    for outcome in different:
        lines.append(f"  row {outcome.number} [{outcome.row.key}] {outcome.row.shows}:")
        lines += [f"    {problem}" for problem in outcome.problems]
    return "\n".join(lines)


def _port(row: Connection) -> str:
    return f"{row.transport.upper()}/{row.port}" if row.port else row.transport.upper()


def _line(cells: Sequence[str]) -> str:
    padded = [f"{cell:<{width}}" for cell, width in zip(cells, WIDTHS, strict=True)]
    return "  ".join(padded).rstrip()
