"""Label selectors of Kubernetes objects, and what they are in the selector language."""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import StrictStr

from dnsguard.resources.choices import choice
from dnsguard.resources.metadata import Labels, label_key_fault, label_value_fault
from dnsguard.resources.model import AS_TEXT, Model
from dnsguard.resources.problems import Problem


class Operator(StrEnum):
    """How a label is compared."""

    IN = "In"
    NOT_IN = "NotIn"
    """Also true of an object without the label."""
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


class LabelRequirement(Model):
    """One expression of a label selector."""

    key: StrictStr
    """The label."""
    operator: Annotated[Operator, choice(Operator, "operator", "V-42"), AS_TEXT]
    """How it is compared."""
    values: tuple[StrictStr, ...] | None = None
    """For In and NotIn: one or more. Else none."""

    def problems(self, broken: frozenset[str]) -> Iterable[Problem]:
        """A good key, and values where the operator takes them."""
        if "key" not in broken and (fault := label_key_fault(self.key)):
            yield Problem(("key",), "V-05", f"bad label key: {fault}")
        for index, value in enumerate(self.values or ()):
            if fault := label_value_fault(value):
                yield Problem(("values", index), "V-05", f"bad label value {value!r}: {fault}")
        if broken & {"operator", "values"}:
            return
        takes_values = self.operator in (Operator.IN, Operator.NOT_IN)
        if takes_values and not self.values:
            yield Problem(("values",), "V-42", f"{self.operator} needs at least one value")
        if not takes_values and self.values:
            yield Problem(("values",), "V-42", f"{self.operator} takes no values: leave them out")

    def text(self) -> str:
        """In the selector language. Keys and values of labels hold no quotes."""
        listed = ", ".join(f"'{value}'" for value in self.values or ())
        match self.operator:
            case Operator.IN:
                return f"{self.key} in {{ {listed} }}"
            case Operator.NOT_IN:
                return f"{self.key} not in {{ {listed} }}"
            case Operator.EXISTS:
                return f"has({self.key})"
            case Operator.DOES_NOT_EXIST:
                return f"!has({self.key})"


class LabelSelector(Model):
    """Objects with all these labels, of which every expression is true. An empty one matches every object."""

    NULLABLE: ClassVar[frozenset[str]] = frozenset()

    match_labels: Labels | None = None
    """Labels that an object must have with these values."""
    match_expressions: tuple[LabelRequirement, ...] | None = None
    """Expressions that must all be true."""

    def terms(self) -> Iterator[str]:
        """In the selector language, to be joined by `&&`; none for an empty selector."""
        for key, value in sorted((self.match_labels or {}).items()):
            yield f"{key} == '{value}'"
        for requirement in self.match_expressions or ():
            yield requirement.text()
