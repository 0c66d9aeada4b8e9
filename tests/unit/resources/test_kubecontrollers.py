"""KubeControllersConfiguration: what of it has an effect, and what is said of the rest."""

from typing import Any

import pytest

from dnsguard.resources import InvalidResource, parse_object, warnings
from dnsguard.resources.kubecontrollers import KubeControllersConfiguration
from tests.support.samples import SAMPLES


def read(host: Any, name: str = "default", **more: Any) -> KubeControllersConfiguration:
    node = {} if host is None else {"hostEndpoint": host}
    made = parse_object(
        {
            "apiVersion": "projectcalico.org/v3",
            "kind": "KubeControllersConfiguration",
            "metadata": {"name": name},
            "spec": {"controllers": {"node": {**node, **more}}},
        }
    )
    assert isinstance(made, KubeControllersConfiguration)
    return made


@pytest.mark.parametrize(
    ("host", "made"),
    [
        (None, False),
        ({}, False),
        ({"autoCreate": "Enabled"}, True),
        ({"autoCreate": "Disabled"}, False),
        ({"autoCreate": "Enabled", "createDefaultHostEndpoint": "Enabled", "templates": []}, True),
        ({"autoCreate": "Enabled", "createDefaultHostEndpoint": "Disabled"}, False),
    ],
)
def test_whether_the_node_has_a_host_endpoint(host: Any, made: bool) -> None:
    assert read(host).makes_host_endpoint is made


def test_what_has_no_effect_is_said() -> None:
    spec = {
        "logSeverityScreen": "Info",
        "controllers": {"loadBalancer": {"assignIPs": "AllServices"}, "node": {"reconcilerPeriod": "5m"}},
    }
    assert warnings(parse_object({**SAMPLES["kubecontrollersconfigurations"], "spec": spec})) == (
        "spec: these fields are kept and have no effect here: logSeverityScreen",
        "spec.controllers: these fields are kept and have no effect here: loadBalancer",
        "spec.controllers.node: these fields are kept and have no effect here: reconcilerPeriod",
    )
    assert warnings(read({"autoCreate": "Enabled"})) == ()


@pytest.mark.parametrize(
    ("host", "name", "said"),
    [
        ({"autoCreate": "on"}, "default", "write Enabled or Disabled"),
        ({"templates": [{"generateName": "x"}]}, "default", "are not made by dnsguard"),
        ({}, "other", "write default"),
        ({"autocreate": "Enabled"}, "default", "did you mean autoCreate"),
    ],
)
def test_what_would_not_do_what_it_says_is_refused(host: Any, name: str, said: str) -> None:
    with pytest.raises(InvalidResource, match=said):
        read(host, name)
