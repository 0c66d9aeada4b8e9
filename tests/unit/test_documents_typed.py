"""How documents are read that a test types in: see tests/support/documents.py."""

import pytest

from tests.support.documents import manifests_in, typed_in

DOCUMENT = """\
First:

```yaml
# one.yaml
kind: One
```

```
cat > two <<END
two lines

END
go on \\
    here
```

```text
CLIENT  ADDRESS
web     192.0.2.1 for … s
…
the end
```

```sh
shown only
```

```
last
```

Words between.

```text
of nobody
```
"""


def test_commands_are_typed_in_order_and_what_follows_at_once_is_what_they_show() -> None:
    first, last = typed_in(DOCUMENT)
    assert first.commands == ("cat > two <<END\ntwo lines\n\nEND\n", "go on \\\n    here\n")
    assert (first.line, last.commands, last.shows) == (8, ("last\n",), None)


def test_a_document_may_have_no_blocks() -> None:
    assert not list(typed_in("Words.\n"))


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("CLIENT ADDRESS\nweb 192.0.2.1 for 17 s\nthe end\n", True),
        ("CLIENT ADDRESS\nweb 192.0.2.1 for 17 s\nmore\n\nand more\nthe end\n", True),
        ("CLIENT ADDRESS\nweb 192.0.2.1 for 17 s\nthe end", True),
        ("CLIENT ADDRESS\nweb 192.0.2.2 for 17 s\nthe end\n", False),
        ("CLIENT ADDRESS\nweb 192.0.2.1 for 17\nm s\nthe end\n", False),
        ("warning\nCLIENT ADDRESS\nweb 192.0.2.1 for 17 s\nthe end\n", False),
        ("CLIENT ADDRESS\nweb 192x0.2.1 for 17 s\nthe end\n", False),
        ("CLIENT ADDRESS\nweb 192.0.2.1 for 17 s\nthe end\nand more\n", False),
        ("", False),
    ],
)
def test_what_varies_may_be_anything_and_the_rest_is_as_shown(said: str, shown: bool) -> None:
    (first, last) = typed_in(DOCUMENT)
    assert first.is_shown_by(said) is shown
    assert last.is_shown_by(said)


def test_manifests_are_kept_by_their_names() -> None:
    assert manifests_in(DOCUMENT) == {"one.yaml": "# one.yaml\nkind: One\n"}
    with pytest.raises(ValueError, match=r"one\.yaml is there twice"):
        manifests_in(DOCUMENT + DOCUMENT)
