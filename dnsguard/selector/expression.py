"""Selector expressions: what they match, and how they are written.

`str()` of an expression is its canonical text. Two texts that differ only in blanks, quotes, or the order and number of
set members have equal expressions and equal canonical text. Re-reading canonical text keeps its meaning but not always
its shape (`!!has(a)` collapses), so identifiers are made from an expression, never from text that was read again.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass


class Expression(ABC):
    """A condition on a set of labels."""

    __slots__ = ()

    @abstractmethod
    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether the labels meet the condition. Values compare exactly, by case too."""


@dataclass(frozen=True, slots=True)
class Equals(Expression):
    """The label is present with this value."""

    label: str
    value: str

    def matches(self, labels: Mapping[str, str]) -> bool:
        return labels.get(self.label) == self.value

    def __str__(self) -> str:
        return f"{self.label} == {_quoted(self.value)}"


@dataclass(frozen=True, slots=True)
class NotEquals(Expression):
    """The label is absent, or has another value."""

    label: str
    value: str

    def matches(self, labels: Mapping[str, str]) -> bool:
        return labels.get(self.label) != self.value

    def __str__(self) -> str:
        return f"{self.label} != {_quoted(self.value)}"


@dataclass(frozen=True, slots=True)
class In(Expression):
    """The label is present with one of these values; of no values, none is."""

    label: str
    values: frozenset[str]

    def matches(self, labels: Mapping[str, str]) -> bool:
        return labels.get(self.label) in self.values

    def __str__(self) -> str:
        return f"{self.label} in {_listed(self.values)}"


@dataclass(frozen=True, slots=True)
class NotIn(Expression):
    """The label is absent, or its value is none of these."""

    label: str
    values: frozenset[str]

    def matches(self, labels: Mapping[str, str]) -> bool:
        return labels.get(self.label) not in self.values

    def __str__(self) -> str:
        return f"{self.label} not in {_listed(self.values)}"


@dataclass(frozen=True, slots=True)
class Has(Expression):
    """The label is present, with any value."""

    label: str

    def matches(self, labels: Mapping[str, str]) -> bool:
        return self.label in labels

    def __str__(self) -> str:
        return f"has({self.label})"


@dataclass(frozen=True, slots=True)
class Contains(Expression):
    """The label is present and its value holds this text somewhere."""

    label: str
    value: str

    def matches(self, labels: Mapping[str, str]) -> bool:
        return (actual := labels.get(self.label)) is not None and self.value in actual

    def __str__(self) -> str:
        return f"{self.label} contains {_quoted(self.value)}"


@dataclass(frozen=True, slots=True)
class StartsWith(Expression):
    """The label is present and its value begins with this text."""

    label: str
    value: str

    def matches(self, labels: Mapping[str, str]) -> bool:
        return (actual := labels.get(self.label)) is not None and actual.startswith(self.value)

    def __str__(self) -> str:
        return f"{self.label} starts with {_quoted(self.value)}"


@dataclass(frozen=True, slots=True)
class EndsWith(Expression):
    """The label is present and its value ends with this text."""

    label: str
    value: str

    def matches(self, labels: Mapping[str, str]) -> bool:
        return (actual := labels.get(self.label)) is not None and actual.endswith(self.value)

    def __str__(self) -> str:
        return f"{self.label} ends with {_quoted(self.value)}"


@dataclass(frozen=True, slots=True)
class All(Expression):
    """Everything."""

    def matches(self, labels: Mapping[str, str]) -> bool:  # noqa: ARG002 - every expression answers the same question
        return True

    def __str__(self) -> str:
        return "all()"


@dataclass(frozen=True, slots=True)
class Global(Expression):
    """Objects without a namespace. As an expression it is always true; its meaning comes from being replaced."""

    def matches(self, labels: Mapping[str, str]) -> bool:  # noqa: ARG002 - every expression answers the same question
        return True

    def __str__(self) -> str:
        return "global()"


@dataclass(frozen=True, slots=True)
class Not(Expression):
    """Whatever the operand does not match."""

    operand: Expression

    def matches(self, labels: Mapping[str, str]) -> bool:
        return not self.operand.matches(labels)

    def __str__(self) -> str:
        return f"!{self.operand}"


@dataclass(frozen=True, slots=True)
class And(Expression):
    """What all operands match. At least two, as they were chained; nested parentheses stay nested."""

    operands: tuple[Expression, ...]

    def matches(self, labels: Mapping[str, str]) -> bool:
        # Not all(…), which would cost more than most operands do.
        for operand in self.operands:  # noqa: SIM110
            if not operand.matches(labels):
                return False
        return True

    def __str__(self) -> str:
        return f"({' && '.join(map(str, self.operands))})"


@dataclass(frozen=True, slots=True)
class Or(Expression):
    """What at least one operand matches. At least two, as they were chained; nested parentheses stay nested."""

    operands: tuple[Expression, ...]

    def matches(self, labels: Mapping[str, str]) -> bool:
        for operand in self.operands:  # noqa: SIM110 - as above
            if operand.matches(labels):
                return True
        return False

    def __str__(self) -> str:
        return f"({' || '.join(map(str, self.operands))})"


def _quoted(value: str) -> str:
    # There are no escapes: a value holds at most one kind of quote, since it was written within the other.
    return f"'{value}'" if '"' in value else f'"{value}"'


def _listed(values: frozenset[str]) -> str:
    return "{" + ", ".join(map(_quoted, sorted(values))) + "}"
