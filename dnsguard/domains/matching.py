"""Which patterns of many match one name: not how many there are counts, but how many labels the name has."""

from collections.abc import Collection

from dnsguard.domains.pattern import DomainPattern

MAX_LABELS = 16
"""Of names with more, only patterns that begin with the ``*``, or have none, are found: others are that many pairs."""


def matching(wire: bytes, patterns: Collection[DomainPattern]) -> list[str]:
    """The canonical texts of those that match a name in lower-case wire form, the most exact first.

    ``patterns``: a set, or what answers as fast whether it holds a pattern.
    """
    labels = _labels(wire)
    count = len(labels)
    found = [".".join(filter(None, labels))] if None not in labels else []
    for tail in range(1, count + 1):
        if None in labels[tail:]:
            continue
        for head in range(tail if count <= MAX_LABELS else 1):
            if None in labels[:head]:
                break
            found.append(".".join([*map(str, labels[:head]), "*", *map(str, labels[tail:])]))
    return [text for text in found if _pattern(text) in patterns]


def _labels(wire: bytes) -> list[str | None]:
    """Each label as a pattern would have it; None for one that no pattern can name: with a dot in it, or not ASCII."""
    labels: list[str | None] = []
    position = 0
    while length := wire[position]:
        label = wire[position + 1 : position + 1 + length]
        labels.append(label.decode() if label.isascii() and b"." not in label and b"*" not in label else None)
        position += 1 + length
    return labels


def _pattern(canonical: str) -> DomainPattern:
    """What is equal to the pattern of this text, without reading it."""
    return DomainPattern(canonical, "", b"", None)
