"""``python -m tests.trial``: a shell in which the commands of the documents work, and nothing outside is touched.

Needs root or user namespaces. Everything it made vanishes with the shell.
"""

import subprocess
import sys

from tests.support.lab.enclosure import enclosed
from tests.trial.scene import trial

WELCOME = """\
You are on a node with dnsguard; `from web COMMAND` runs a command in the workload web.
  dnsguard endpoints                           who is there
  from web curl -sS https://api.example.com    what one of them reaches
deploy/getting-started.md and deploy/how-to.md go on from here; their manifests lie in this directory.
`exit` ends it, and nothing stays."""


def inside() -> int:
    """The trial proper, in namespaces of its own. Returns 0, however the last command in the shell ended."""
    with trial() as made:
        (made.directory / "welcome").write_text(f"{WELCOME}\n")
        (made.directory / "bashrc").write_text("PS1='trial# '\n. ./start\ncat welcome\n")
        command = made.shell("--rcfile", str(made.directory / "bashrc"), "-i")
        subprocess.run(command, env=made.environment, check=False)
    return 0


if __name__ == "__main__":
    sys.exit(enclosed("tests.trial", inside))
