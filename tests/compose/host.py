"""A host with Docker at the usual places: its socket is /var/run/docker.sock, its folder /var/run/docker."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.compose import standins
from tests.support.dockerd import Engine
from tests.support.netns import namespace

_USUAL_PLACES = """
set -e
mount -t tmpfs tmpfs /run
mount --make-shared /run
mkdir /run/docker
mount --bind {directory}/run /run/docker
"""


@contextmanager
def docker_host() -> Iterator[Engine]:
    """It has the images that docker-compose.yml names, but dnsguard's."""
    with namespace() as node, tempfile.TemporaryDirectory(prefix="dg-", ignore_cleanup_errors=True) as directory:
        made = Engine(
            node, Path(directory), ("--exec-root", "/var/run/docker", "--host", "unix:///var/run/docker.sock")
        )
        made.open()
        try:
            script = _USUAL_PLACES.format(directory=directory)
            subprocess.run(["nsenter", "--target", str(made.pid), "--mount", "sh", "-c", script], check=True)
            made.start()
            standins.load(made)
            yield made
        finally:
            made.close()
