"""What a host gets beside the program: units, the example of settings, and the wheel that brings them."""

import argparse
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from dnsguard.settings import Settings, add_flags, settings_from
from tests.support.netns import namespace

ROOT = Path(__file__).parents[2]
SYSTEMD = ROOT / "deploy" / "systemd"
EXAMPLE = SYSTEMD / "dnsguard.yaml"
UNITS = sorted(path.name for path in SYSTEMD.glob("dnsguard*.s*"))
needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")


def settings_of(path: Path) -> Settings:
    parser = argparse.ArgumentParser()
    add_flags(parser)
    return settings_from(parser.parse_args(["--config", str(path)]), {}, needs_upstreams=False)


def test_the_example_as_it_is_sets_nothing() -> None:
    example, nothing = settings_of(EXAMPLE), settings_of(Path("/dev/null"))
    assert [name for name in Settings.model_fields if getattr(example, name) != getattr(nothing, name)] == []


def test_what_the_example_shows_are_settings(tmp_path: Path) -> None:
    shown = re.findall(r"^# (\w+: .+)$", EXAMPLE.read_text(), re.MULTILINE)
    written = [line for line in shown if line.partition(":")[0] in Settings.model_fields]
    assert len(written) > 8
    config = tmp_path / "dnsguard.yaml"
    config.write_text("\n".join(written))
    found = settings_of(config)
    assert found.upstreams == ("192.0.2.53:53", "tls://192.0.2.54:853#dns.example.org")


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units, with a program where they expect one."""
    program = tmp_path / "dnsguard"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for unit in UNITS:
        (tmp_path / unit).write_text((SYSTEMD / unit).read_text().replace("/opt/dnsguard/bin/dnsguard", str(program)))
    return tmp_path


@needs_systemd
def test_systemd_has_nothing_to_say_of_the_units(installed: Path) -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", *(f"./{unit}" for unit in UNITS)],
        cwd=installed, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, [line for line in done.stderr.splitlines() if "dnsguard" in line]) == (0, [])


@needs_systemd
@pytest.mark.parametrize("unit", [unit for unit in UNITS if unit.endswith(".service")])
def test_the_units_are_hardened(installed: Path, unit: str) -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", f"./{unit}"],
        cwd=installed, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_at_boot_the_rules_are_loaded_as_the_unit_does_it(tmp_path: Path) -> None:
    (line,) = re.findall(
        r"^ExecStart=/bin/sh -ec '(.*)'$", (SYSTEMD / "dnsguard-boot.service").read_text(), re.MULTILINE
    )
    program = Path(sys.executable).with_name("dnsguard")
    config = tmp_path / "dnsguard.yaml"
    shell = line.replace("$$", "$").replace("%%", "%")
    shell = shell.replace("/opt/dnsguard/bin/dnsguard", str(program)).replace(
        "/etc/dnsguard/dnsguard.yaml", str(config)
    )
    with namespace() as node, node.entered():
        config.write_text("workload_interface: veth\n")
        wrong = subprocess.run(["/bin/sh", "-ec", shell], capture_output=True, text=True, check=False)
        assert wrong.returncode != 0, "what is wrong is no ruleset"
        assert "did you mean workload_interfaces?" in wrong.stderr
        config.write_text("workload_interfaces: [veth]\n")
        subprocess.run(["/bin/sh", "-ec", shell], check=True)
        listed = subprocess.run(
            ["nft", "list", "table", "inet", "dnsguard"], capture_output=True, text=True, check=True
        )
        assert '"veth*"' in listed.stdout


def test_the_wheel_takes_no_name_of_everybodys_and_brings_what_a_host_needs(tmp_path: Path) -> None:
    build = "pip wheel --quiet --no-deps --no-build-isolation --no-index --disable-pip-version-check -w"
    subprocess.run([sys.executable, "-m", *build.split(), str(tmp_path), str(ROOT)], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {re.sub(r"-\d[\w.]*?\.(?=data|dist)", "-VERSION.", top) for top in tops} == {
        "dnsguard", "dnsguard-VERSION.data", "dnsguard-VERSION.dist-info",
    }  # fmt: skip
    shared = {name.partition("/data/share/dnsguard/")[2] for name in names if ".data/" in name}
    assert {f"etc/systemd/system/{unit}" for unit in UNITS} < shared
    assert {"etc/sysusers.d/dnsguard.conf", "etc/tmpfiles.d/dnsguard.conf", "dnsguard.yaml"} < shared
    assert "dnsguard/api/app.py" in names
