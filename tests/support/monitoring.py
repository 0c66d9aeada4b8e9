"""What deploy/monitoring/ holds, taken apart: expressions, and the names of metrics in them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

FOLDER: Final = Path(__file__).parents[2] / "deploy" / "monitoring"
RULES: Final = FOLDER / "dnsguard.rules.yml"
DASHBOARD: Final = FOLDER / "dnsguard-dashboard.json"

OF_DOCKER: Final = "dnsguard_docker_"
"""What the names of metrics begin with that are there where discovery is on."""

_METRIC: Final = re.compile(r"(?<![\w:])(?:\w+:)?(?:dnsguard|process)_\w+(?::\w+)?|\b(?:up|ALERTS)(?=\{)")
_VARIABLES: Final = {"$node": ".*", "$__rate_interval": "10s", "$__range": "1m"}


def rules() -> list[dict[str, Any]]:
    """Alerting and recording rules."""
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    """Of the dashboard, rows among them."""
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return found


def expressions() -> Iterator[tuple[str, str]]:
    """Where it stands, and PromQL with the dashboard's variables filled in."""
    for rule in rules():
        yield rule.get("alert") or rule["record"], rule["expr"]
    for panel in panels():
        for target in panel.get("targets", ()):
            yield f"panel {panel['title']}", filled(target["expr"])


def filled(expression: str) -> str:
    """With a value for each variable of Grafana."""
    for variable, value in _VARIABLES.items():
        expression = expression.replace(variable, value)
    return expression


def metrics_in(expression: str) -> set[str]:
    """The names of series that it reads; what stands in quotes is none."""
    return set(_METRIC.findall(re.sub(r'"[^"]*"', '""', expression)))
