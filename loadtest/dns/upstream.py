"""The name server that everybody asks: knotd with a zone in memory."""

from collections.abc import Iterator
from contextlib import contextmanager

from loadtest.dns import names
from loadtest.dns.query import until_answered
from loadtest.dns.site import UPSTREAM, Site, ended, started

_CONFIGURATION = """
server:
  rundir: "{directory}"
  listen: [{listen}@53]
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
log:
  - target: stderr
    any: warning
database:
  storage: "{directory}"
zone:
  - domain: {zone}
    storage: "{directory}"
    file: zone
    zonefile-sync: -1
    journal-content: none
    semantic-checks: off
"""


@contextmanager
def upstream(place: Site, count: int) -> Iterator[int]:
    """It answers for that many names of each kind. Its process id."""
    directory = place.directory / "knot"
    directory.mkdir()
    (directory / "zone").write_text("\n".join(names.zone_text(count)) + "\n")
    (directory / "knot.conf").write_text(_CONFIGURATION.format(directory=directory, listen=UPSTREAM, zone=names.ZONE))
    log = directory / "log"
    process = started(place.server, ["knotd", "-c", str(directory / "knot.conf")], log)
    try:
        until_answered(place, UPSTREAM, process, log)
        yield process.pid
    finally:
        ended(process)
