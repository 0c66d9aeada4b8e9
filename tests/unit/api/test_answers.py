"""Bodies and headers of answers."""

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dnsguard.api.answers import JSON, MAX_WARNING_TEXT, YAML, as_json, as_yaml, media_type, warning_headers
from dnsguard.api.failures import Failure
from dnsguard.resources.manifest import load_value

text = st.text(st.characters(exclude_categories=["Cs"]))
keys = text.filter(lambda key: key != "<<")  # no reader of ours takes it
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | text,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(text.filter(lambda key: key != "<<"), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), values))
def test_what_goes_out_reads_back_the_same(value: dict[str, object]) -> None:
    assert json.loads(as_json(value)) == value
    assert load_value(as_yaml(value), "answer") == value


@pytest.mark.parametrize(
    "word", ["on", "no", "true", "~", "", "022", "0o17", "1e3", "0x1F", "1_000", "12:30", ".inf", "<<"]
)
def test_strings_stay_strings_for_every_reader_of_yaml(word: str) -> None:
    assert load_value(as_yaml({"a": word}), "answer") == {"a": word}
    assert yaml.safe_load(as_yaml({"a": word})) == {"a": word}


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/json", JSON),
        ("application/yaml", YAML),
        ("text/yaml", YAML),
        ("application/json;as=Table;v=v1;g=meta.k8s.io,application/json", JSON),
        ("application/json;q=0.5, application/yaml", YAML),
        ("application/yaml;q=0, */*;q=0.1", JSON),
        ("application/yaml, application/json", YAML),
        ("application/vnd.kubernetes.protobuf,application/json", JSON),
        ("text/html,application/xhtml+xml,*/*;q=0.8", JSON),
    ],
)
def test_the_form_that_is_liked(accept: str, chosen: str) -> None:
    assert media_type(accept) == chosen


@pytest.mark.parametrize(
    "accept", ["application/vnd.kubernetes.protobuf", "text/html", "*/*;q=0", "application/json;q=x"]
)
def test_nothing_that_is_liked(accept: str) -> None:
    with pytest.raises(Failure) as caught:
        media_type(accept)
    assert caught.value.code == 406


def test_warnings_cannot_break_out_of_their_header() -> None:
    assert warning_headers(('a "quoted" \\ and\r\nX-Evil: é',)) == ['299 - "a \\"quoted\\" \\\\ and  X-Evil: \\\\xe9"']


def test_warnings_are_bounded_and_say_so() -> None:
    headers = warning_headers(("x" * 1000,) * 10)
    assert headers[-1] == '299 - "and 6 more warnings"'
    assert sum(map(len, headers)) < MAX_WARNING_TEXT + 200
