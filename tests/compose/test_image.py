"""The image of the Dockerfile comes out the same each time."""

import pytest

from tests.compose.demo import ROOT
from tests.support.dockerd import Engine

pytestmark = [pytest.mark.soak, pytest.mark.timeout(900)]


def test_two_builds_have_the_same_layers(host: Engine) -> None:
    layers = set()
    for name in ("first", "second"):
        host.docker("build", "--quiet", "--no-cache", "--tag", name, ROOT)
        layers.add(host.docker("inspect", "--format", "{{json .RootFS.Layers}}", name))
    assert len(layers) == 1
