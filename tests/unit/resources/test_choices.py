"""One of a few words, in its exact case."""

from typing import Annotated

import pytest
from pydantic import TypeAdapter, ValidationError

from dnsguard.resources import Action
from dnsguard.resources.choices import choice
from dnsguard.resources.problems import problems_of

_ACTION = TypeAdapter[Action](Annotated[Action, choice(Action, "action", "V-30")])


def test_a_choice() -> None:
    assert _ACTION.validate_python("Pass") is Action.PASS


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("Permit", "'Permit' is no action: write Allow, Deny, Log or Pass"),
        ("allow", "'allow' is no action: write Allow, Deny, Log or Pass; did you mean Allow?"),
        (None, "None is no action: write Allow, Deny, Log or Pass"),
        ([], "[] is no action: write Allow, Deny, Log or Pass"),
        (1, "1 is no action: write Allow, Deny, Log or Pass"),
    ],
)
def test_what_is_none(value: object, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        _ACTION.validate_python(value)
    assert [(each.code, each.message) for each in problems_of(caught.value)] == [("V-30", said)]
