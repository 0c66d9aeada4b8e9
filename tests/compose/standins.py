"""The images that the Dockerfile and docker-compose.yml name, made here: for machines that reach no registry of images.

Debian by debootstrap stands for Python's image and for curl's, in which busybox has the names that Alpine's would have;
wheels are in it, for the build has no network there. CoreDNS is built of its own sources, with the plugins that its
Corefile names. What they are made of stays in build/images.
"""

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import yaml

from tests.support.dockerd import Engine

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "build" / "images"
_COREDNS = Path(__file__).with_name("coredns")
_REQUIREMENTS = [ROOT / "requirements" / name for name in ("runtime.txt", "tools.txt")]
_PACKAGES = "bind9-dnsutils,busybox-static,ca-certificates,curl,python3,python3-venv"
_BASE = "standin"
_NEEDLESS = ("./dev/", "./var/cache/apt/archives/", "./var/lib/apt/lists/")
_PYTHON = r"""
FROM standin
COPY wheels /wheels
RUN printf '[global]\nno-index = true\nfind-links = /wheels\n' > /etc/pip.conf
"""
_CURL = r"""
FROM standin
RUN ln -s /bin/busybox /usr/local/bin/nslookup && ln -sf /bin/busybox /bin/sh
"""
_NAMESERVER = 'FROM scratch\nCOPY coredns /coredns\nENTRYPOINT ["/coredns"]\n'


def names() -> dict[str, str]:
    """The images that would be pulled, by what stands for them."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    base = re.search(r"^ARG BASE=(\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert base is not None
    return {"python": base[1], "curl": services["billing"]["image"], "coredns": services["coredns"]["image"]}


def fetch() -> None:
    """Bring what they are made of, which takes a network, and is the longer part: minutes."""
    KEPT.mkdir(parents=True, exist_ok=True)
    for kept, bring in _parts().items():
        if not kept.exists():
            print(f"bringing {kept.relative_to(ROOT)}", file=sys.stderr, flush=True)
            with tempfile.TemporaryDirectory(dir=KEPT) as scratch:
                try:
                    bring(Path(scratch)).rename(kept)
                except subprocess.CalledProcessError as error:
                    sys.exit(f"{kept.relative_to(ROOT)}: {error}")


def load(docker: Engine) -> None:
    """Make the images in an engine, of what was fetched before."""
    missing = [str(each.relative_to(ROOT)) for each in _parts() if not each.exists()]
    assert not missing, f"{', '.join(missing)} not there: run {sys.executable} -m tests.compose.standins"
    debian, wheels, coredns = _parts()
    named = names()
    docker.docker("import", debian, _BASE)
    with tempfile.TemporaryDirectory(dir=KEPT) as scratch:
        context = Path(scratch)
        _build(docker, named["curl"], context, _CURL)
        os.link(coredns, context / "coredns")
        _build(docker, named["coredns"], context, _NAMESERVER)
        shutil.copytree(wheels, context / "wheels", copy_function=os.link)
        _build(docker, named["python"], context, _PYTHON)


def _build(docker: Engine, name: str, context: Path, text: str) -> None:
    (context / "Dockerfile").write_text(text)
    docker.docker("build", "--quiet", "--tag", name, context)


def _parts() -> dict[Path, Callable[[Path], Path]]:
    """Where each is kept, and what makes it in an empty directory; the names hang on what it is made of."""
    return {
        KEPT / f"bookworm-{_hash(_PACKAGES.encode())}.tar": _debian,
        KEPT / f"wheels-{_hash(*(each.read_bytes() for each in _REQUIREMENTS))}": _wheels,
        KEPT / f"coredns-{_hash(*(each.read_bytes() for each in sorted(_COREDNS.iterdir())))}": _coredns,
    }


def _hash(*of: bytes) -> str:
    return hashlib.sha256(b"".join(of)).hexdigest()[:12]


def _debian(scratch: Path) -> Path:
    include = f"--include={_PACKAGES}"
    subprocess.run(["debootstrap", "--variant=minbase", include, "bookworm", scratch / "root"], check=True)
    with tarfile.open(scratch / "tar", "w") as archive:
        archive.add(scratch / "root", ".", filter=lambda each: None if each.name.startswith(_NEEDLESS) else each)
    return scratch / "tar"


def _wheels(scratch: Path) -> Path:
    """For the Python of the stand-in, which is bookworm's."""
    tags = [f"--platform=manylinux{version}_{platform.machine()}" for version in ("2014", "_2_17", "_2_28")]
    only = ["--only-binary=:all:", "--python-version=3.11", "--implementation=cp", *tags]
    files = [f"--requirement={each}" for each in _REQUIREMENTS]
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--require-hashes"]
    subprocess.run([*pip, *only, *files, "--dest", scratch / "wheels"], check=True)
    return scratch / "wheels"


def _coredns(scratch: Path) -> Path:
    if shutil.which("go") is None:
        sys.exit("there is no Go to build CoreDNS: install 1.24 or newer, or 1.21 where that may fetch a newer one")
    build = ["go", "build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w"]
    subprocess.run([*build, "-o", scratch, "."], cwd=_COREDNS, env=os.environ | {"CGO_ENABLED": "0"}, check=True)
    return scratch / "coredns"


if __name__ == "__main__":
    fetch()
