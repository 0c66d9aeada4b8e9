"""The files of deploy/monitoring/: what Prometheus' own tool says of them, and what they say of each other."""

import json
import re
import shutil
import subprocess
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.monitoring import DASHBOARD, FOLDER, OF_DOCKER, expressions, metrics_in, panels, rules

ROOT = FOLDER.parents[1]
DOCUMENT = ROOT / "deploy" / "monitoring.md"
ALERTS = [rule for rule in rules() if "alert" in rule]

promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")


@promtool
def test_prometheus_takes_the_configuration_and_each_alert_fires_when_it_must_and_only_then(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    for secret in "dnsguard-ca.pem", "dnsguard.token":
        (tmp_path / secret).touch()
    for words in (("check", "config", "prometheus.yml"), ("test", "rules", "dnsguard.tests.yml")):
        done = subprocess.run(["promtool", *words], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_has_a_test_in_which_it_fires() -> None:
    text = (FOLDER / "dnsguard.tests.yml").read_text()
    tests = yaml.safe_load(text)["tests"]
    firing = {
        case["alertname"] for each in tests for case in each.get("alert_rule_test", ()) if case["exp_alerts"]
    } | set(re.findall(r'ALERTS\{alertname="(\w+)"', text))
    assert firing == {rule["alert"] for rule in ALERTS}


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_says_whom_it_wakes_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert "{{ $labels.node }}" in rule["annotations"]["summary"]
    assert rule["annotations"]["runbook_url"] == f"deploy/monitoring.md#{rule['alert'].lower()}"
    section = re.search(rf"^### {rule['alert']}\n\n(\w+)", DOCUMENT.read_text(), re.MULTILINE)
    assert section is not None
    assert section[1].lower() == rule["labels"]["severity"]


def test_nothing_else_has_a_section() -> None:
    assert re.findall(r"^### (\w+)", DOCUMENT.read_text(), re.MULTILINE) == [rule["alert"] for rule in ALERTS]


def test_panels_have_places_of_their_own() -> None:
    shown = panels()
    assert len({panel["id"] for panel in shown}) == len(shown) > 30
    for one, other in combinations((panel["gridPos"] for panel in shown), 2):
        assert (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        ), (one, other)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in shown)


def test_every_panel_asks_the_prometheus_and_the_nodes_that_are_chosen() -> None:
    chosen = {variable["name"] for variable in json.loads(DASHBOARD.read_text())["templating"]["list"]}
    assert chosen == {"datasource", "node"}
    for panel in panels():
        assert panel["type"] == "row" or panel["description"], panel["title"]
        for target in panel.get("targets", ()):
            assert target["datasource"]["uid"] == panel["datasource"]["uid"] == "${datasource}"
            assert '$node"' in target["expr"], panel["title"]


def test_what_is_read_of_docker_is_what_its_discovery_tells() -> None:
    read = {name for _, each in expressions() for name in metrics_in(each) if name.startswith(OF_DOCKER)}
    source = (ROOT / "dnsguard" / "discovery" / "docker" / "discovery.py").read_text()
    assert {"dnsguard_docker_containers"} <= read <= set(re.findall(rf'number\(\s*"({OF_DOCKER}\w+)"', source))


def test_metrics_are_found_in_expressions() -> None:
    expression = 'sum by (node) (rate(dnsguard_a_total{part="dnsguard_b"}[5m])) / node:dnsguard_c:rate5m'
    assert metrics_in(expression) == {"dnsguard_a_total", "node:dnsguard_c:rate5m"}
    assert metrics_in('up{job="dnsguard-forwarder"} == 0') == {"up"}
    assert all(metrics_in(expression) for _, expression in expressions())
