"""A Debian that somebody has just installed: made by debootstrap once, a copy for each run."""

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

BUILD = Path(__file__).parents[2] / "build" / "boot"
_INCLUDED = "systemd,systemd-sysv,dbus,iproute2,ca-certificates,procps"


def lacking() -> str:
    """What is missing to make one; empty when nothing is."""
    missing = [program for program in ("debootstrap", "dnsmasq", "unshare") if shutil.which(program) is None]
    return f"{', '.join(missing)} not found: apt-get install debootstrap dnsmasq-base" if missing else ""


@contextlib.contextmanager
def debian(suite: str) -> Iterator[Path]:
    """A copy of its root, for as long as this lasts."""
    original = BUILD / suite
    if not original.exists():
        BUILD.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=BUILD) as scratch:
            made = Path(scratch) / "root"
            command = ["debootstrap", "--variant=minbase", f"--include={_INCLUDED}", suite, str(made)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            made.rename(original)
    with tempfile.TemporaryDirectory(dir=BUILD) as scratch:
        copy = Path(scratch) / "root"
        subprocess.run(["cp", "-a", "--reflink=auto", str(original), str(copy)], check=True)
        yield copy
