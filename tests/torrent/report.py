"""The table at the end. Pure."""

from collections.abc import Iterator

from tests.torrent.engines import Found
from tests.torrent.run import Outcome

_HEAD = ("while", "seconds", "packets/s", "allowed", "lost", "denied", "let through")
_WIDTHS = (58, 8, 10, 12, 9, 12, 12)


def lines(outcome: Outcome) -> Iterator[str]:
    """For people."""
    yield _line(_HEAD)
    for name, found in outcome.phases.items():
        yield _line(_cells(name, found))
    total = Found(seconds=sum(found.seconds for found in outcome.phases.values()))
    for found in outcome.phases.values():
        total.allowed += found.allowed
        total.denied += found.denied
        total.lost.update(found.lost)
        total.passed.update(found.passed)
    yield _line(_cells("all", total))
    yield from (str(gap) for gap in outcome.gaps)
    yield "done to it: " + ", ".join(f"{count} {name}" for name, count in outcome.done.items())
    yield f"dropped by anything but rules: {outcome.dropped}, for want of room in sockets: {outcome.without_room}"
    if outcome.wrong:
        yield from (*outcome.examples, outcome.log, *outcome.wrong)
    else:
        yield "nothing went wrong but in the intervals after what others did"


def _cells(name: str, found: Found) -> list[str]:
    rate = found.packets / found.seconds if found.seconds else 0.0
    numbers = found.allowed, sum(found.lost.values()), found.denied, sum(found.passed.values())
    return [name, f"{found.seconds:.1f}", f"{rate:,.0f}", *(f"{number:,}" for number in numbers)]


def _line(cells: tuple[str, ...] | list[str]) -> str:
    first, *others = zip(cells, _WIDTHS, strict=True)
    return f"{first[0]:<{first[1]}}" + "".join(f"{cell:>{width}}" for cell, width in others)
