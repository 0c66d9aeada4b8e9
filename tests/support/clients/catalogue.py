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
    refused: str = "Temporary failure in name resolution"
    """What it says of a name that is REFUSED."""

    absent: str = "Name or service not known"
    """What it says of a name that does not exist."""

    heeds_use_vc: bool = True
    """Whether it asks over TCP where ``resolv.conf`` says so."""

    searches: bool = True
    """Whether it goes through the search list of ``resolv.conf``."""

    retries_truncated: bool = True
    """Whether it asks again over TCP when an answer was cut."""

    every_address: bool = True
    """Whether it connects to all that it found, or only to one."""

    port: int = 443


_PYTHON = (sys.executable, "{source}/resolve.py")
_ARES_ABSENT = "Domain name not found"
_GO = {"go": "golang-go", "gcc": "gcc"}
_BUILD_GO = ("go", "build", "-o", "{built}/go", "{source}/resolve.go")
_NODE = {"node": "nodejs"}

PROGRAMS: Mapping[str, Program] = {
    "python": Program((*_PYTHON, "getaddrinfo")),
    # pycares gives c-ares flags of its own, which then reads none from resolv.conf.
    "aiodns getaddrinfo": Program(
        (*_PYTHON, "ares"), refused="DNS server refused query", absent=_ARES_ABSENT, heeds_use_vc=False
    ),
    "aiodns query": Program(
        (*_PYTHON, "query"),
        refused="DNS server refused query",
        absent=_ARES_ABSENT,
        heeds_use_vc=False,
        searches=False,
    ),
    "curl": Program(
        ("{source}/curl.sh",),
        {"curl": "curl"},
        refused="6 Could not resolve host",
        absent="6 Could not resolve host",
        every_address=False,
        port=8000,
    ),
    "C with glibc": Program(
        ("{built}/glibc",),
        {"gcc": "gcc"},
        ("gcc", "-O", "-o", "{built}/glibc", "{source}/resolve.c"),
        refused="EAI_AGAIN",
        absent="EAI_NONAME",
    ),
    "C with musl": Program(
        ("{built}/musl",),
        {"musl-gcc": "musl-tools"},
        ("musl-gcc", "-static", "-O", "-o", "{built}/musl", "{source}/resolve.c"),
        refused="EAI_AGAIN",
        absent="EAI_NONAME",
        heeds_use_vc=False,
        retries_truncated=False,  # until version 1.2.4
    ),
    "Go": Program(
        ("{built}/go",),
        _GO,
        _BUILD_GO,
        {"GODEBUG": "netdns=go"},
        refused="server misbehaving",
        absent="no such host",
    ),
    "Go with cgo": Program(("{built}/go",), _GO, _BUILD_GO, {"GODEBUG": "netdns=cgo"}, absent="no such host"),
    "Java": Program(
        ("java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", "{built}", "Resolve"),
        {"javac": "default-jdk-headless"},
        ("javac", "-d", "{built}", "{source}/Resolve.java"),
    ),
    "Node dns.lookup": Program(
        ("node", "{source}/resolve.js", "lookup"), _NODE, refused="EAI_AGAIN", absent="ENOTFOUND"
    ),
    "Node dns.resolve": Program(
        ("node", "{source}/resolve.js", "resolve"), _NODE, refused="EREFUSED", absent="ENOTFOUND", searches=False
    ),
}


def lacking(needs: Mapping[str, str]) -> str:
    """Why something cannot run on this machine; empty when it can."""
    absent = [
        f"{program} (Debian package {package})" for program, package in needs.items() if not shutil.which(program)
    ]
    return f"not on this machine: {', '.join(absent)}; deploy/setup --clients installs it" if absent else ""


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
