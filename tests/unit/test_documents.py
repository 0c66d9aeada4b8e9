"""What documents name is there: files, commands and their flags, settings, and what is taken of the machine."""

import argparse
import contextlib
import io
import re
from functools import cache
from pathlib import Path

import pytest

from dnsguard.cli.commands import COMMANDS
from dnsguard.cli.errors import EXIT_CODES
from dnsguard.cli.main import main
from dnsguard.dataplane.settings import INTERCEPTED_MARK, OWN_MARK
from dnsguard.dataplane.settings import Settings as PlaneSettings
from dnsguard.locations import DENIED_GROUP, LOG_GROUP
from dnsguard.netlink.localdelivery import PREFERENCE, TABLE
from dnsguard.settings import Settings, add_flags, settings_from
from tests.support.documents import typed_in

ROOT = Path(__file__).parents[2]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "deploy").glob("*.md"))]
OPERATING = ROOT / "deploy" / "operating.md"
BLOCK = re.compile(r"^```\w*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SHOWN_BY = re.compile(r"`((?:conformance|kernel|system|unit)/[\w/]+\.py)(?:::(\w+))?`")
CODE = re.compile(r"`([^`\n]+)`")


def commands(document: Path) -> list[str]:
    """What it says of dnsguard's command line, in blocks and in running text."""
    text = document.read_text()
    lines = [line for block in BLOCK.findall(text) for line in block.splitlines()]
    return [each for each in (*lines, *CODE.findall(BLOCK.sub("", text))) if re.match(r"dnsguard [a-z]+( |$)", each)]


@cache
def flags_of(command: str) -> frozenset[str]:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), pytest.raises(SystemExit):
        main([command, "--help"])
    return frozenset(re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", said.getvalue()))


def test_there_are_commands_to_look_at() -> None:
    assert sum(len(commands(document)) for document in DOCUMENTS) > 20


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_commands_and_their_flags_are_there(document: Path) -> None:
    for line in commands(document):
        word, *rest = re.split(r"\s[#|]|>", line)[0].split()[1:]
        assert word in {command.name for command in COMMANDS}, line
        flags = [each.partition("=")[0] for each in rest if each.startswith("-")]
        assert set(flags) <= flags_of(word), line


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_files_are_there(document: Path) -> None:
    places = ROOT, ROOT / "deploy", ROOT / "dnsguard", ROOT / "dnsguard" / "calc", ROOT / "tests"
    for name in CODE.findall(BLOCK.sub("", document.read_text())):
        if re.fullmatch(r"[\w.-]+\.md|(?:\w+/)+(?:\w+\.(?:py|md))?", name):
            assert any((place / name).exists() for place in places), name


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_tests_that_a_document_names_are_there(document: Path) -> None:
    for file, name in SHOWN_BY.findall(document.read_text()):
        path = ROOT / "tests" / file
        assert path.is_file(), file
        assert not name or re.search(rf"^(?:async )?def {name}\(", path.read_text(), re.MULTILINE), f"{file}::{name}"


TYPED_BY = {
    # document: what types its blocks of commands
    "README.md": "system/test_documents.py",
    "api.md": "system/test_documents.py",
    "compared.md": "system/test_documents.py",
    "docker.md": "compose/test_compose.py",  # its claims are tried there, in other words
    "dns.md": "system/test_documents.py",
    "getting-started.md": "system/test_documents.py",
    "hosts.md": "boot/document.py",
    "how-to.md": "system/test_documents.py",
    "monitoring.md": "system/test_monitoring.py",
    "operating.md": "system/test_documents.py",
    "troubleshooting.md": "system/test_documents.py",
}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_what_is_to_be_typed_is_typed_by_a_test(document: Path) -> None:
    if any(typed_in(document.read_text())):
        assert document.name in (ROOT / "tests" / TYPED_BY[document.name]).read_text()


def test_the_readme_names_every_document() -> None:
    readme = CODE.findall(BLOCK.sub("", (ROOT / "README.md").read_text()))
    assert {str(document.relative_to(ROOT)) for document in DOCUMENTS} - {"README.md"} <= set(readme)


def test_settings_are_as_the_document_says(tmp_path: Path) -> None:
    written = re.findall(r"`(\w+: [\w.]+)`", OPERATING.read_text())
    assert len(written) > 5
    parser = argparse.ArgumentParser()
    add_flags(parser)
    config = tmp_path / "config.yaml"
    for line in written:
        config.write_text(f"{line}\n")
        found = settings_from(parser.parse_args(["--config", str(config)]), {}, needs_upstreams=False)
        name = line.partition(":")[0]
        assert getattr(found, name) != Settings.model_fields[name].default, line


def test_what_is_taken_of_the_machine_is_what_the_document_says() -> None:
    text = re.sub(r"\s+", " ", OPERATING.read_text())
    plane, defaults = PlaneSettings(), Settings.model_fields
    own = plane.pass_mark | plane.accept_mark | plane.checked_mark | plane.at_hooks_mark | INTERCEPTED_MARK | OWN_MARK
    mask = defaults["conntrack_mark_mask"].default
    four, six = defaults["canary_nets"].default
    for said in (
        f"bits {low(own)} to {own.bit_length() - 1} of packet marks",
        f"bits {low(mask)} to {mask.bit_length() - 1} of connections' marks",
        f"NFLOG groups {LOG_GROUP} (Log rules) and {DENIED_GROUP} ",
        f"IP rule of preference {PREFERENCE}, routing table {TABLE}",
        f"addresses of {four} and {six}",
        f"`{defaults['canary_interface'].default}0` and `{defaults['canary_interface'].default}1`",
        f"Of each interface {defaults['packet_log_rate'].default} a second",
    ):
        assert said in text, said
    assert own == ((1 << own.bit_length()) - 1) >> low(own) << low(own), "without gaps"


def test_exit_codes_are_what_commands_say() -> None:
    rows = re.findall(r"^\| (\d+) \| (.*) \|$", (ROOT / "deploy" / "api.md").read_text(), re.MULTILINE)
    assert {int(code): text for code, text in rows} == EXIT_CODES


def low(bits: int) -> int:
    """The number of the lowest one."""
    return (bits & -bits).bit_length() - 1


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_links_lead_to_headings(document: Path) -> None:
    for name, heading in re.findall(r"\]\(([\w./-]+\.md)?(?:#([\w-]+))?\)", document.read_text()):
        target = document.parent / name if name else document
        assert not heading or heading in headings(target), f"{name}#{heading}"
        assert target.is_file(), name


@cache
def headings(document: Path) -> frozenset[str]:
    """As what a browser of the repository may jump to: in small letters, a dash for each blank, no other marks."""
    lines = re.findall(r"^#+ (.*)$", BLOCK.sub("", document.read_text()), re.MULTILINE)
    return frozenset(re.sub(r"[^\w -]", "", line.lower()).replace(" ", "-") for line in lines)
