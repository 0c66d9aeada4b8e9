"""What the image says of itself, and that what it is made of reaches its build. `make docker` builds and runs it."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def label(name: str) -> str:
    found = re.search(rf'org\.opencontainers\.image\.{name}="?([^"\n]+?)"?(?: \\)?\n', DOCKERFILE)
    assert found, name
    return found[1]


def test_labels_say_what_the_project_says() -> None:
    assert label("version") == PROJECT["project"]["version"]
    assert label("licenses") == PROJECT["project"]["license"]
    assert PROJECT["project"]["description"].startswith(label("description"))


def test_what_the_wheel_holds_is_not_ignored() -> None:
    admitted = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = [
        *wheel["packages"],
        *wheel["shared-data"],
        *PROJECT["project"]["license-files"],
        PROJECT["project"]["readme"],
    ]
    for each in needed:
        assert {each, *map(str, Path(each).parents)} & admitted, each
    assert "api" in admitted, "dnsguard/api is a link to it"
    assert all((ROOT / each).exists() for each in admitted)


def test_it_installs_only_what_is_pinned_by_hashes() -> None:
    for command in re.findall(r"pip[^&]* install ([^&\n]*)", DOCKERFILE):
        assert "--require-hashes -r requirements/" in command or "--no-deps --no-index" in command
