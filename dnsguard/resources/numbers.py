"""Numbers as fields of a resource."""

import math
import re
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator

from dnsguard.resources.problems import kind_of_value, refused
from dnsguard.resources.reading import reads

_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")


def read_order(value: Any) -> float:
    """An order: any finite number, fractions and negative ones included."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        hint = ": leave the quotes out" if isinstance(value, str) and _NUMBER.fullmatch(value) else ""
        raise refused("type", f"must be a number, not {kind_of_value(value)}{hint}")
    try:
        order = float(value)
    except OverflowError:
        order = math.inf
    if not math.isfinite(order):
        raise refused("type", "must be a finite number: leave it out to run last")
    return order


def order_json(order: float) -> int | float:
    """Whole numbers without a fraction, as they are written."""
    return int(order) if order.is_integer() else order


def whole_number(least: int, most: int | None = None) -> PlainValidator:
    """Reads a whole number within bounds."""
    bounds = f"{least} or more" if most is None else f"{least} to {most}"

    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise refused("type", f"must be a whole number, not {kind_of_value(value)}")
        if value < least or (most is not None and value > most):
            raise refused("limit", f"{value} is out of range: write {bounds}")
        return value

    schema = {"type": "integer", "minimum": least} | ({} if most is None else {"maximum": most})
    return reads(read, schema)


Order = Annotated[float, reads(read_order, {"type": "number"}), PlainSerializer(order_json)]
