"""`dnsguard run`: controller and forwarder side by side, on one machine, with SQLite."""

import argparse
import fcntl
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dnsguard.cli.errors import CommandError
from dnsguard.cli.supervisor import Child, Supervisor, own_command
from dnsguard.settings import Settings, add_flags, settings_from


class AlreadyRunningError(CommandError):
    """Another `dnsguard run` uses the same run directory."""


def main(argv: Sequence[str]) -> int:
    """Run until told to stop. Raises SettingsError, CommandError."""
    parser = argparse.ArgumentParser(
        prog="dnsguard run",
        allow_abbrev=False,
        description="Start controller and forwarder, and start each again when it dies. Without settings: SQLite in the"
        " state directory, upstreams from resolv.conf, DNS and API on loopback.",
    )
    add_flags(parser)
    settings = settings_from(parser.parse_args(argv))
    with _only_one(settings.run_dir):
        print(whereabouts(settings), flush=True)
        children = [Child(name, own_command(name, *argv)) for name in ("controller", "forwarder")]
        return Supervisor(children, _say).run()


def whereabouts(settings: Settings) -> str:
    """Where everything is, for people."""
    return "\n".join(
        (
            "dnsguard runs",
            f"  answers DNS on  {', '.join(map(str, settings.listen))}",
            f"  asks            {', '.join(settings.upstreams)}",
            f"  admin API       {settings.api_url}",
            f"  token           {settings.token_file}",
            f"  health          http://{settings.health_listen}",
            f"  state           {settings.state_dir}",
            f"  link socket     {settings.link_socket}",
            f"  nftables table  inet {settings.table}",
            f"  node            {settings.node_name}",
        )
    )


@contextmanager
def _only_one(run_dir: Path) -> Iterator[None]:
    """Hold the run directory for this process; the kernel lets go of it however the process ends."""
    path = run_dir / "supervisor.lock"
    try:
        run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CommandError(f"run_dir {run_dir} cannot be used: {error.strerror}") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
            raise AlreadyRunningError(
                f"is running already (pid {holder}, {run_dir}): stop it, or set run_dir"
            ) from None
        os.truncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(descriptor)


def _say(text: str) -> None:
    print(f"dnsguard run: {text}", file=sys.stderr, flush=True)
