"""What the package offers is imported when it is asked for."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from dnsguard import resources
from dnsguard.resources import KINDS, Resource


def test_every_name_is_found_where_types_say_it_is() -> None:
    (checked,) = (node for node in ast.parse(Path(resources.__file__).read_text()).body if isinstance(node, ast.If))
    said = {
        (line.module, alias.name) for line in checked.body if isinstance(line, ast.ImportFrom) for alias in line.names
    }
    assert said == {
        (f"dnsguard.resources.{module}", name) for module, names in resources._HOMES.items() for name in names
    }
    assert sorted(resources.__all__) == sorted(name for _, name in said)
    assert all(getattr(resources, name) is not None for name in resources.__all__)


def test_another_name_is_an_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nosuch'"):
        resources.nosuch  # noqa: B018 - it is the access that is tested


def test_every_kind_knows_its_model() -> None:
    for kind in KINDS:
        assert issubclass(kind.model, Resource)
        assert (kind.api_version, kind.namespaced) == (kind.model.API_VERSION, kind.model.NAMESPACED)


def test_kinds_are_named_without_their_models() -> None:
    code = "import sys; from dnsguard.resources import KINDS, Cause, kind_named; kind_named('gnp'); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "dnsguard.resources.registry" in loaded
    assert not {"pydantic", "dnsguard.resources.policy", "yaml"} & set(loaded)
