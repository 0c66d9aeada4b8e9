"""Names and patterns that collide often: few short labels, some of them containing dots and length bytes."""

from hypothesis import strategies as st

LABELS = st.sampled_from([b"a", b"b", b"a.b", b"\x01a", b"x\x01a", b"\x00", b"1"])
NAMES = st.lists(st.sampled_from([b"a", b"b"]), max_size=4) | st.lists(LABELS, max_size=5)
"""Names as lists of labels, from the left; the empty list is the root."""

COMPONENTS = st.sampled_from(["a", "b"])
PATTERNS = st.tuples(st.lists(COMPONENTS, min_size=1, max_size=3), st.integers(-2, 3)).map(
    lambda parts: ".".join([*parts[0][: parts[1]], "*", *parts[0][parts[1] :]] if parts[1] >= 0 else parts[0])
)
"""Texts of patterns, with a wildcard in any place or without."""


def wire(labels: list[bytes]) -> bytes:
    """Labels in wire form, written down anew so as not to trust the code under test."""
    return b"".join(len(label).to_bytes(1, "big") + label for label in labels) + b"\0"


def naively_matches(pattern: str, labels: list[bytes]) -> bool:
    """The definition, on lists: a wildcard stands for one or more whole labels."""
    parts = [part.encode() for part in pattern.split(".")]
    if b"*" not in parts:
        return parts == labels
    star = parts.index(b"*")
    head, tail = parts[:star], parts[star + 1 :]
    return len(labels) >= len(parts) and labels[: len(head)] == head and labels[len(labels) - len(tail) :] == tail
