"""Records that check what they are made of."""

from typing import Annotated, Any, Literal

import pytest

from dnsguard.settings.checked import BeforeValidator, Checked, InvalidValues, PlainValidator


def whole(value: Any) -> int:
    if not str(value).isdigit():
        raise ValueError(f"{value!r} is no whole number")
    return int(value)


Whole = Annotated[int, PlainValidator(whole)]


class Record(Checked):
    count: Whole
    sizes: Annotated[tuple[Whole, ...], BeforeValidator(lambda value: value.split() if value == "1 2" else value)] = (
        7,
    )
    mode: Literal["Off", "On", "Both"] = "Off"

    @property
    def total(self) -> int:
        return self.count + sum(self.sizes)


def test_values_are_read_and_the_rest_has_its_default() -> None:
    record = Record.model_validate({"count": "3", "sizes": "1 2"})
    assert (record.count, record.sizes, record.mode, record.total) == (3, (1, 2), "Off", 6)
    assert record.model_fields_set == {"count", "sizes"}


def test_all_that_is_wrong_is_said_with_its_place() -> None:
    with pytest.raises(InvalidValues) as raised:
        Record.model_validate({"sizes": [1, "x", 2, "y"], "mode": "Of", "weight": 1})
    assert [tuple(fault) for fault in raised.value.faults] == [
        ("weight", (), "is no field"),
        ("count", (), "is missing"),
        ("sizes", (1,), "'x' is no whole number"),
        ("sizes", (3,), "'y' is no whole number"),
        ("mode", (), "'Of' is none of the choices: write Off, On or Both"),
    ]


@pytest.mark.parametrize("value", [5, "1", None, {"a": 1}])
def test_what_is_no_list_is_refused(value: object) -> None:
    with pytest.raises(InvalidValues, match=r"^sizes: .* is no list$"):
        Record.model_validate({"count": 1, "sizes": value})


def test_a_record_is_frozen_and_its_copy_another() -> None:
    record = Record.model_validate({"count": 1})
    with pytest.raises(AttributeError, match="count"):
        record.count = 2  # type: ignore[misc] # that is the point
    copy = record.model_copy(update={"mode": "On"})
    assert (record.mode, copy.mode, copy.count) == ("Off", "On", 1)
    assert copy.model_fields_set == {"count", "mode"}


def test_what_is_filled_in_counts_as_given_by_nobody() -> None:
    record = Record.model_validate({"count": 1})
    filled = record.filled(mode="On")
    assert (record.mode, filled.mode, filled.count) == ("Off", "On", 1)
    assert filled.model_fields_set == {"count"}


def test_a_field_that_nobody_can_read_is_a_mistake_of_ours() -> None:
    with pytest.raises(TypeError, match=r"^Wrong\.port: write Annotated"):
        type("Wrong", (Checked,), {"__annotations__": {"port": int}})
