"""The resolvers of C libraries, as programs run in a namespace with a ``resolv.conf`` of their own."""

import asyncio
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.support.netns import Namespace

_MUSL_COMPILER = "musl-gcc"
_LOOK_UP = r"""
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>

int main(int count, char **words)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found = 0, *each;
	char text[INET6_ADDRSTRLEN];
	int problem = count == 2 ? getaddrinfo(words[1], 0, &hints, &found) : EAI_NONAME;
	for (each = found; each; each = each->ai_next) {
		void *address = each->ai_family == AF_INET
			? (void *)&((struct sockaddr_in *)each->ai_addr)->sin_addr
			: (void *)&((struct sockaddr_in6 *)each->ai_addr)->sin6_addr;
		puts(inet_ntop(each->ai_family, address, text, sizeof text));
	}
	return problem != 0;
}
"""
_WITH_ETC = """
for file in "$1"/*; do mount --bind "$file" "/etc/${file##*/}"; done
shift
exec "$@"
"""


@dataclass(frozen=True)
class Resolver:
    """``getaddrinfo`` of one C library: both families asked for, whatever it prints are addresses."""

    command: tuple[str, ...]

    async def look_up(self, namespace: Namespace, etc: Path, name: str) -> set[str]:
        """The addresses; none where there are none. ``etc`` holds what stands in ``/etc`` meanwhile."""
        with namespace.entered():
            process = await asyncio.create_subprocess_exec(
                "unshare", "--mount", "sh", "-euc", _WITH_ETC, "sh", str(etc), *self.command, name,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )  # fmt: skip
        said, problem = await process.communicate()
        assert not problem, problem.decode()
        return {line.split()[0] for line in said.decode().splitlines()}


def glibc() -> Resolver:
    """What every Debian has."""
    return Resolver(("getent", "ahosts"))


def musl(directory: Path) -> Resolver | None:
    """Made in ``directory``; ``None`` where nothing here compiles against musl."""
    if shutil.which(_MUSL_COMPILER) is None:
        return None
    source, program = directory / "look-up.c", directory / "look-up"
    source.write_text(_LOOK_UP)
    subprocess.run([_MUSL_COMPILER, "-static", "-o", program, source], check=True)
    return Resolver((str(program),))
