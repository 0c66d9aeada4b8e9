"""The strict YAML reader."""

import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dnsguard.yamltext import YamlError, documents, plain_value

SCALARS: list[tuple[str, Any]] = [
    # unquoted text, value: the core schema of YAML 1.2
    ("no", "no"),
    ("on", "on"),
    ("Yes", "Yes"),
    ("y", "y"),
    ("true", True),
    ("False", False),
    ("tRue", "tRue"),
    ("~", None),
    ("null", None),
    ("", None),
    ("nUll", "nUll"),
    ("22:22", "22:22"),
    ("1000:2000", "1000:2000"),
    ("022", 22),
    ("0o22", 18),
    ("0x1F", 31),
    ("0b1", "0b1"),
    ("1_000", "1_000"),
    ("-5", -5),
    ("+5", 5),
    ("1e3", 1000.0),
    ("1.", 1.0),
    (".5", 0.5),
    (".", "."),
    (".inf", math.inf),
    ("-.INF", -math.inf),
    ("2024-01-01", "2024-01-01"),
    ("1.2.3", "1.2.3"),
    ("=", "="),
]


@pytest.mark.parametrize(("text", "value"), SCALARS)
def test_unquoted_scalars(text: str, value: Any) -> None:
    for found in (plain_value(text), next(documents(f"a: {text}\n")).value["a"]):
        assert found == value
        assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "value"), [("'022'", "022"), ('"true"', "true"), ("|\n  no\n", "no\n"), ("!!str 5", "5")]
)
def test_quoted_scalars_are_strings(text: str, value: str) -> None:
    assert next(documents(f"a: {text}\n")).value == {"a": value}


@pytest.mark.parametrize(
    ("text", "value"), [("!!int 5", 5), ("!!float 5", 5.0), ("!!bool true", True), ("!!null ~", None)]
)
def test_core_tags(text: str, value: Any) -> None:
    found = next(documents(f"a: {text}\n")).value["a"]
    assert found == value
    assert type(found) is type(value)


BAD: list[tuple[str, int, str]] = [
    # text, line, what is said
    ("a: 1\nb: 2\na: 3\n", 3, "duplicate key 'a': it stands on line 1"),
    ("a:\n  b: 1\n  b: 2\n", 3, "duplicate key 'b'"),
    ("80: x\n'80': y\n", 2, "duplicate key '80'"),
    ("a: &x 1\n<<: *x\n", 2, "merge keys"),
    ("? [a]\n: 1\n", 1, "a key must be a single value"),
    ("? {a: 1}\n: 1\n", 1, "a key must be a single value"),
    ("a: &x b\n*x : 1\n", 2, "an alias cannot be a key"),
    ("~: 1\n", 1, "a key is missing"),
    ("a: *x\n", 1, "alias *x has no anchor"),
    ("a: &x [*x]\n", 1, "stands inside what it refers to"),
    ("a: !!python/name:os.system x\n", 1, "tag tag:yaml.org,2002:python/name:os.system is not supported"),
    ("a: !!int x\n", 1, "'x' is no int"),
    ("a: !!set {b}\n", 1, "is not supported"),
    ("a: [\n", 2, "is no YAML"),
    ("a: 'x\n", 2, "is no YAML"),
    ("\tb: 1\n", 1, "is no YAML"),
    ("a: b\n c: d\n", 2, "is no YAML"),
    ("a: \x01\n", 1, "is no YAML"),
    ("a: " + "[" * 64 + "]" * 64, 1, "nested deeper than 64 levels"),
    ("[" * 100_000, 1, "nested deeper than 64 levels"),
    ("{a: " * 100_000, 1, "nested deeper than 64 levels"),
    ("- " * 100_000, 1, "nested deeper than 64 levels"),
]


@pytest.mark.parametrize(("text", "line", "said"), BAD)
def test_bad_texts(text: str, line: int, said: str) -> None:
    with pytest.raises(YamlError) as caught:
        list(documents(text))
    assert said in caught.value.reason
    assert caught.value.line == line
    assert caught.value.document == 1


def test_aliases_share_values_and_cannot_multiply() -> None:
    assert next(documents("a: &x [1, 2]\nb: *x\n")).value == {"a": [1, 2], "b": [1, 2]}
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 10)
    )
    with pytest.raises(YamlError, match="aliases repeat more than"):
        list(documents(bomb))


def test_documents_are_counted_as_they_are_separated() -> None:
    found = list(documents("---\n# nothing\n---\na: 1\n---\nb: 2\n"))
    assert [(document.number, document.value) for document in found] == [(1, None), (2, {"a": 1}), (3, {"b": 2})]
    with pytest.raises(YamlError) as caught:
        list(documents("a: 1\n---\nb: [\n"))
    assert caught.value.document == 2


def test_every_value_knows_its_line() -> None:
    (document,) = documents("a:\n  - x\n  - b: 1\n    c: 2\n")
    assert document.lines == {
        (): 1, ("a",): 1, ("a", 0): 2, ("a", 1): 3, ("a", 1, "b"): 3, ("a", 1, "c"): 4
    }  # fmt: skip


@given(st.text(alphabet=st.sampled_from("ab:-{}[]&*!|>'\"#%@ \n\t?,<~0.") | st.characters(), max_size=60))
@example("a: &a\n")
@example("a: b\n\ud800")
@example("%YAML 1.1\n---\na: yes\n")
def test_any_text_is_read_or_refused_with_our_error(text: str) -> None:
    try:
        read = [document.number for document in documents(text)]
    except YamlError:
        return
    assert read == list(range(1, len(read) + 1))
