"""Which programs there are, what each needs of the machine, and how it is made ready to run."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

SOURCES = Path(__file__).parent

TOOLCHAIN_STAYS_OFFLINE = {
    "GOFLAGS": "-mod=mod",
    "GOPROXY": "off",
    "GOTOOLCHAIN": "local",
    "GO111MODULE": "off",
    "CGO_ENABLED": "1",
}


@dataclass(frozen=True, slots=True)
class Program:
    """One client: ``command`` is followed by family, port, wait and names."""

    command: tuple[str, ...]
    """``{source}`` and ``{built}`` stand for the directories of the sources and of what was made of them."""

    needs: Mapping[str, str] = field(default_factory=dict)
    """Program → Debian package that brings it."""

    build: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    obeys_options: bool = True
    """Whether it heeds ``use-vc`` in ``resolv.conf``."""

    retries_truncated: bool = True
    """Whether it asks again over TCP when an answer was cut."""

    every_address: bool = True
    """Whether it connects to all that it found, or only to one."""

    port: int = 443


_PYTHON = (sys.executable, "{source}/resolve.py")
_GO = {"needs": {"go": "golang-go", "gcc": "gcc"}, "build": ("go", "build", "-o", "{built}/go", "{source}/resolve.go")}
_NODE = {"needs": {"node": "nodejs"}}

PROGRAMS: Mapping[str, Program] = {
    "python": Program((*_PYTHON, "getaddrinfo")),
    "aiodns getaddrinfo": Program((*_PYTHON, "ares")),
    "aiodns query": Program((*_PYTHON, "query")),
    "curl": Program(("{source}/curl.sh",), {"curl": "curl"}, every_address=False, port=8000),
    "C with glibc": Program(
        ("{built}/glibc",), {"gcc": "gcc"}, ("gcc", "-O", "-o", "{built}/glibc", "{source}/resolve.c")
    ),
    "C with musl": Program(
        ("{built}/musl",),
        {"musl-gcc": "musl-tools"},
        ("musl-gcc", "-static", "-O", "-o", "{built}/musl", "{source}/resolve.c"),
        obeys_options=False,
        retries_truncated=False,  # until version 1.2.4
    ),
    "Go": Program(("{built}/go",), **_GO, environment={"GODEBUG": "netdns=go"}),
    "Go with cgo": Program(("{built}/go",), **_GO, environment={"GODEBUG": "netdns=cgo"}),
    "Java": Program(
        ("java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", "{built}", "Resolve"),
        {"javac": "default-jdk-headless"},
        ("javac", "-d", "{built}", "{source}/Resolve.java"),
    ),
    "Node dns.lookup": Program(("node", "{source}/resolve.js", "lookup"), **_NODE),
    "Node dns.resolve": Program(("node", "{source}/resolve.js", "resolve"), **_NODE),
}


def lacking(needs: Mapping[str, str]) -> str:
    """Why something cannot run on this machine; empty when it can."""
    absent = [f"{program} (Debian package {package})" for program, package in needs.items() if not shutil.which(program)]
    return f"not on this machine: {', '.join(absent)}; deploy/setup --also clients installs it" if absent else ""


class Workshop:
    """Makes each program once; what it makes stays in ``directory``."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._made: set[tuple[str, ...]] = set()

    def command(self, program: Program) -> list[str]:
        """The command line that runs it. Raises RuntimeError with what the compiler says."""
        build = self._filled(program.build)
        if build and build not in self._made:
            environment = os.environ | TOOLCHAIN_STAYS_OFFLINE
            done = subprocess.run(build, env=environment, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise RuntimeError(f"{' '.join(build)}: {done.stderr}")
            self._made.add(build)
        variables = [f"{name}={value}" for name, value in program.environment.items()]
        return ["env", *variables, *self._filled(program.command)]

    def _filled(self, words: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(word.format(source=SOURCES, built=self._directory) for word in words)
