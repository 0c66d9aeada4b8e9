"""A forwarder whose upstreams are asked over TLS, or called by a name, as a process of its own."""

import asyncio
import contextlib
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dnsguard.dns.upstream.health import FAILURES_TO_DOWN
from dnsguard.link.messages import DnsConfiguration, Snapshot
from tests.support.certificates import Authority, Certificate
from tests.support.fake_upstream import FakeUpstream
from tests.system.forwarder import LISTEN, WORKLOAD, Rig, feed, identity, policy, rig

FEED = feed("web", "*.example.org")
WEB = identity("shop/web", [WORKLOAD], ["web"])
OPEN = (WORKLOAD, "198.51.100.1")
NAME = "dns.example.org"
WWW = b"\3www\7example\3org\0"


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path) as made:
        made.make_sets(FEED)
        made.zone["www.example.org"] = [("A", "198.51.100.1")]
        yield made


def configured(**said: object) -> Snapshot:
    return replace(policy(FEED, identities=[WEB]), configuration=DnsConfiguration(**said))  # type: ignore[arg-type]


def serving(certificate: Certificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.file, certificate.key)
    return context


def states(here: Rig) -> dict[str, str]:
    """What the controller is told of upstreams."""
    stats = here.link.forwarders[0].stats if here.link.forwarders else None
    return {} if stats is None else stats.upstreams


async def test_a_workload_is_answered_by_a_server_over_tls_alone(here: Rig) -> None:
    authority = Authority(here.directory / "ca")
    expired, good = (authority.sign(f"DNS:{NAME}", expired=old) for old in (True, False))
    async with FakeUpstream(here.answer, tls=serving(expired)) as server:
        written = f"tls://127.0.0.1:{server.port}#{NAME}"
        await here.start("--upstreams", written, "--upstream-ca-file", str(authority.file))
        await here.connected()
        await here.enforced(configured())

        why = "its certificate is refused: certificate has expired"
        await here.until(lambda: states(here) == {written: f"down: {why}"}, "it says why before anybody asks")
        assert here.http("/readyz") == (503, f"upstream {written} is down: {why}\n")
        refused = await here.ask("www.example.org")
        assert refused.header.rcode == 2
        assert here.elements("d4-web") == {}
        assert server.asked == server.probed == here.upstream.asked == [], "nobody is asked in clear text"

        assert server.tls is not None
        server.tls.load_cert_chain(good.file, good.key)
        await here.until(lambda: states(here)[written].startswith("up"), "the renewed certificate is taken")
        assert len((await here.ask("www.example.org")).rr) == 1
        assert OPEN in here.elements("d4-web")
        assert {asked.transport for asked in server.asked} == {"tls"}
        metrics = here.http("/metrics")
        assert metrics is not None
        assert f'dnsguard_upstream_up{{server="{written}"}} 1\n' in metrics[1]


SERVER = "dns.example.net"
RESOLVER = "127.0.0.9"


@contextlib.contextmanager
def resolv_conf(directory: Path, server: str) -> Iterator[None]:
    """The system's resolver is ``server``, for this test process alone: it has mounts of its own."""
    file = directory / "resolv.conf"
    file.write_text(f"nameserver {server}\n")
    place = str(Path("/etc/resolv.conf").resolve())
    subprocess.run(["mount", "--bind", str(file), place], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", place], check=True)


async def test_a_resource_names_a_server_that_is_found_by_the_systems_resolver(here: Rig) -> None:
    here.zone[SERVER] = [("A", "127.0.0.1")]
    here.gives_upstreams = False
    async with FakeUpstream(here.answer) as named:
        said = configured(trusted_servers=(f"{SERVER}:{named.port}",))
        with resolv_conf(here.directory, RESOLVER):
            async with FakeUpstream(here.answer, RESOLVER, port=53) as resolver:
                await here.start()
                await here.connected()
                await here.enforced(said)
                await here.until(lambda: list(states(here)) == [f"127.0.0.1:{named.port}"], "the name is looked up")
                assert any(asked.name == b"\3dns\7example\3net\0" for asked in resolver.asked)
                assert len((await here.ask("www.example.org")).rr) == 1
                assert WWW in {asked.name for asked in named.asked}
                assert WWW not in {asked.name for asked in resolver.asked}
            here.signal()
            await here.ended()
            named.asked.clear()
            # The resolver is gone, and the controller with it: the server is where it was.
            await here.start()
            assert len((await here.ask("www.example.org")).rr) == 1
            assert WWW in {asked.name for asked in named.asked}


async def test_where_the_systems_resolver_is_ourselves_servers_with_an_address_are_asked_for_names(here: Rig) -> None:
    here.zone[SERVER] = [("A", "127.0.0.1")]
    with resolv_conf(here.directory, LISTEN):
        here.launch("--upstreams", SERVER)
        assert await here.ended() == 1
        assert f"upstreams: '{SERVER}' cannot be resolved: " in here.log
        assert "and the system's resolver is dnsguard itself: write the address of at least one server" in here.log
        async with FakeUpstream(here.answer) as named:
            await here.start("--upstreams", f"{SERVER}:{named.port},127.0.0.1:{here.upstream.port}")
            await here.connected()
            await here.enforced(configured())
            assert len((await here.ask("www.example.org")).rr) == 1
            assert WWW in {asked.name for asked in named.asked}


async def test_unbound_over_tls_dies_or_is_out_of_reach_and_comes_back(here: Rig) -> None:
    authority = Authority(here.directory / "ca")
    certificate = authority.sign(f"DNS:{NAME}")
    config = here.directory / "unbound.conf"
    config.write_text(UNBOUND.format(home=here.directory, certificate=certificate, port=PORT))
    unbound = await started(config)
    written = f"tls://127.0.0.1:{PORT}#{NAME}#pin-sha256={certificate.pin}"
    try:
        await here.start("--upstreams", written, "--upstream-ca-file", str(authority.file))
        await here.connected()
        await here.enforced(configured())
        await here.until(lambda: states(here).get(written, "").startswith("up"), "unbound is up")
        for number in range(100):
            assert len((await here.ask(f"n{number}.example.org")).rr) == 1
        unbound.kill()
        await unbound.wait()
        for number in range(FAILURES_TO_DOWN):
            assert (await here.ask(f"late{number}.example.org")).header.rcode == 2
        await here.until(lambda: states(here)[written].startswith("down: "), "it is seen to be gone")
        unbound = await started(config)
        await here.until(lambda: states(here)[written].startswith("up"), "it is seen to be back")
        assert len((await here.ask("back.example.org")).rr) == 1

        # A wall that grows between: nothing says that the connection leads nowhere now.
        here.node.run("nft add table inet wall")
        here.node.run("nft add chain inet wall out { type filter hook output priority 0 ; }")
        here.node.run(f"nft add rule inet wall out tcp dport {PORT} drop")
        for number in range(FAILURES_TO_DOWN):
            assert (await here.ask(f"walled{number}.example.org")).header.rcode == 2
        await here.until(lambda: states(here)[written].startswith("down: no "), "it is seen to be out of reach")
        here.node.run("nft delete table inet wall")
        await here.until(lambda: states(here)[written].startswith("up"), "it is seen to be in reach")
        assert len((await here.ask("reached.example.org")).rr) == 1
    finally:
        unbound.kill()
        await unbound.wait()


PORT = 8853
UNBOUND = """\
server:
    directory: "{home}"
    chroot: ""
    username: ""
    pidfile: ""
    use-syslog: no
    do-daemonize: no
    interface: 127.0.0.1@{port}
    tls-port: {port}
    tls-service-key: "{certificate.key}"
    tls-service-pem: "{certificate.file}"
    local-zone: "example.org" redirect
    local-data: "example.org A 198.51.100.1"
    local-zone: "." static
remote-control:
    control-enable: no
"""


async def started(config: Path) -> asyncio.subprocess.Process:
    """Unbound, when it takes connections."""
    process = await asyncio.create_subprocess_exec("unbound", "-c", str(config), stderr=asyncio.subprocess.DEVNULL)
    async with asyncio.timeout(20):
        while True:
            assert process.returncode is None
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", PORT)):
                return process
            await asyncio.sleep(0.02)
