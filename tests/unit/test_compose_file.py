"""docker-compose.yml agrees with what lies beside it. `make docker` brings it up."""

import re
from pathlib import Path
from typing import Any

import yaml

from dnsguard.cli.main import main
from dnsguard.settings import settings_from_argv
from tests.unit.test_image import PROJECT

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
ZONE = (ROOT / "deploy" / "compose" / "coredns" / "internet.zone").read_text()


def address(service: str) -> str:
    return str(SERVICES[service]["networks"]["internet"]["ipv4_address"])


def test_policies_are_valid(capsys: Any) -> None:
    assert main(["validate", "-f", str(ROOT / "deploy" / "compose" / "policies")]) == 0
    assert "all good" in capsys.readouterr().out


def test_its_settings_are_ours_and_fit_its_network(monkeypatch: Any) -> None:
    for name, value in SERVICES["dnsguard"]["environment"].items():
        monkeypatch.setenv(name, value)
    settings = settings_from_argv([], "dnsguard run")
    network = COMPOSE["networks"]["internet"]
    (pool,) = network["ipam"]["config"]
    assert [str(each.address) for each in settings.listen] == [pool["gateway"]] == SERVICES["billing"]["dns"]
    assert settings.upstreams == (f"{address('coredns')}:53",)
    assert list(settings.workload_bridges) == list(network["driver_opts"].values())
    assert list(settings.docker_networks) == [network["name"]]


def test_names_lead_to_servers_that_are_there() -> None:
    led_to = set(re.findall(r"^\S+ +IN A +(\S+)", ZONE, re.MULTILINE))
    assert led_to == {address(each) for each in ("coredns", "partner", "cdn", "tracker", "vault")}


def test_all_of_our_image_are_of_this_version() -> None:
    ours = {each["image"] for each in SERVICES.values() if each["image"].startswith("dnsguard")}
    assert ours == {f"dnsguard:{PROJECT['project']['version']}"}


def test_whoever_is_on_the_network_goes_before_dnsguard_does() -> None:
    """Compose stops what depends on another before that: `down` must leave nobody unwatched."""
    for name, service in SERVICES.items():
        assert name == "dnsguard" or "dnsguard" in service["depends_on"], name
