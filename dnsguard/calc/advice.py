"""What an operator should know about objects that are each valid and do not fit together."""

from collections.abc import Hashable, Iterable


class Advice:
    """Warnings by subject. Whoever watches a subject says anew what there is to say about it when it changes."""

    def __init__(self) -> None:
        self._said: dict[Hashable, tuple[str, ...]] = {}
        self._lines: tuple[str, ...] | None = ()

    def say(self, subject: Hashable, lines: Iterable[str]) -> None:
        """This, and nothing else, is to be said about the subject."""
        lines = tuple(lines)
        if lines != self._said.get(subject, ()):
            self._lines = None
            if lines:
                self._said[subject] = lines
            else:
                del self._said[subject]

    def lines(self) -> tuple[str, ...]:
        """All that was said, each line once, in order of the alphabet; the same object until something changes."""
        if self._lines is None:
            self._lines = tuple(sorted({line for lines in self._said.values() for line in lines}))
        return self._lines
