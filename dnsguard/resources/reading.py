"""How a field is read, and what a JSON schema says of it: side by side, so that they stay the same."""

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema

Schema = dict[str, Any]
"""A JSON schema, in the dialect of 2020-12."""


def reads(read: Callable[[Any], Any], schema: Schema) -> PlainValidator:
    """A reader of JSON values, for `Annotated`; the schema takes whatever it takes, and refuses what it can.

    Patterns are anchored, and mean the same in Python and in JavaScript.
    """
    return PlainValidator(read, json_schema_input_type=Annotated[Any, WithJsonSchema(schema)])


def string(pattern: str = "", **more: Any) -> Schema:
    """The schema of a string that matches the pattern as a whole; an empty one is not said."""
    return {"type": "string"} | ({"pattern": f"^(?:{pattern})$"} if pattern else {}) | more


def list_of(items: Schema, **more: Any) -> Schema:
    """The schema of a list."""
    return {"type": "array", "items": items} | more
