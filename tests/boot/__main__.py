"""`make boot`: all that deploy/hosts.md says, on a Debian whose systemd runs in namespaces, and what it promises.

Each line is what was done and seen; the exit code is 0 where all was as it should be.
"""

import argparse
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.boot.document import typed
from tests.boot.machine import Failed, Machine, booted
from tests.boot.root import debian, lacking
from tests.boot.world import ALLOWED, ELSEWHERE, GATEWAY, OTHER, World, around

REPOSITORY = Path(__file__).parents[2]
PATIENCE = 60.0
MAIN = "systemctl show --property=MainPID --value dnsguard"
RESTARTS = "systemctl show --property=NRestarts --value dnsguard"
ENFORCES = 'systemctl is-active dnsguard && systemctl show --property=StatusText dnsguard | grep -q "enforcing, proven"'
CLOSED = "nft list table inet dnsguard"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.boot", description="Try deploy/hosts.md on a new Debian.")
    parser.add_argument("--suite", default="bookworm", help="of Debian")
    if problem := lacking():
        print(f"boot: {problem}", file=sys.stderr)
        return 2
    try:
        with debian(parser.parse_args().suite) as root, around() as world:
            install(root, world)
            reboot_and_remove(root, world)
    except Failed as failure:
        print(f"FAILED  {failure}", file=sys.stderr)
        return 1
    say("all as deploy/hosts.md says")
    return 0


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)


def type_in(machine: Machine, heading: str) -> None:
    began = time.monotonic()
    count = sum(1 for _ in typed(machine, heading))
    say(f"{heading}: {count} commands in {time.monotonic() - began:.1f} s")


def install(root: Path, world: World) -> None:
    """The first boot: nothing of ours is there."""
    shutil.copytree(REPOSITORY / "dist", root / "root" / "dist")
    later_version(root / "root" / "dist")
    with booted(root) as machine:
        say("booted")
        world.plug_in(machine)
        for heading in "Install", "Configure", "Start":
            type_in(machine, heading)
        use(world)
        type_in(machine, "Watch")
        say(machine.run("systemd-analyze security --no-pager dnsguard-boot | tail -1").strip())
        who = machine.run(f"ps -o user=,args= -p $({MAIN})").strip()
        require(who.startswith("dnsguard "), f"runs as {who}")
        ready_means_enforcing(machine)
        survive(machine, world)
        refuse_what_is_wrong(machine)
        under_look_ups(machine, world, "Change settings, restart", 2)
        with_all_on(machine)
        under_look_ups(machine, world, "Change settings, restart", 1, ELSEWHERE)
        see_containers(machine)
        under_look_ups(machine, world, "Upgrade", 1)
        require("dnsguard 0.1.1" in machine.run("dnsguard version"), "the new version runs")
        require("vm1" in machine.run("dnsguard get workloadendpoints -A"), "what was applied is there")


def use(world: World) -> None:
    rcode, addresses = world.looks_up("bob.example.com")
    require((rcode, addresses) == (0, [ALLOWED]), f"bob.example.com is {addresses}, rcode {rcode}")
    require(world.reaches(ALLOWED), "what was looked up is reached")
    require(not world.reaches(OTHER), "what no policy allows is not")


def ready_means_enforcing(machine: Machine) -> None:
    """Where nothing can be enforced, the start does not end."""
    machine.run("systemctl stop dnsguard.socket dnsguard")
    claims = r"import socket, time; s = socket.socket(socket.AF_UNIX); s.bind('\0dnsguard/dnsguard/controller')"
    machine.run(f'systemd-run --quiet --unit=other python3 -c "{claims}; s.listen(); time.sleep(600)"')
    machine.run("systemctl start --no-block dnsguard")
    wait(machine, "journalctl --unit=dnsguard | grep 'another controller of dnsguard'", "another one is in its place")
    state = machine.run("systemctl show --property=ActiveState --property=StatusText dnsguard").splitlines()
    require("ActiveState=activating" in state, f"not started while it does not enforce: {state}")
    machine.run("systemctl stop other")
    wait(machine, ENFORCES, "started once it does")


def survive(machine: Machine, world: World) -> None:
    """Killed, or hanging: systemd starts it again, and nothing opens meanwhile."""
    before = machine.run(MAIN)
    machine.run(f"kill -KILL $({MAIN})")
    require(not world.reaches(OTHER), "closed while it is dead")
    wait(machine, f'{ENFORCES} && [ "$({MAIN})" != "{before.strip()}" ]', "killed, it is started again")
    use(world)
    machine.run("mkdir -p /run/systemd/system/dnsguard.service.d")
    machine.run(r"printf '[Service]\nWatchdogSec=8\n' > /run/systemd/system/dnsguard.service.d/watchdog.conf")
    machine.run("systemctl daemon-reload && systemctl restart dnsguard")
    count = int(machine.run(RESTARTS))
    time.sleep(12)
    require(int(machine.run(RESTARTS)) == count, "the watchdog is fed while both processes live")
    machine.run("kill -STOP $(pgrep -f 'dnsguard controlle[r]')")
    wait(machine, f'{ENFORCES} && [ "$({RESTARTS})" -gt {count} ]', "not fed while one hangs: all is started anew")
    machine.run("rm -r /run/systemd/system/dnsguard.service.d")
    machine.run("systemctl daemon-reload && systemctl restart dnsguard")


def refuse_what_is_wrong(machine: Machine) -> None:
    """A reload with a mistake changes nothing."""
    before = machine.run("pgrep -f 'dnsguard (controller|forwarder)'")
    machine.run(
        "cp /etc/dnsguard/dnsguard.yaml good.yaml && echo 'upstream: [192.0.2.9]' >> /etc/dnsguard/dnsguard.yaml"
    )
    machine.run("systemctl reload dnsguard")
    wait(machine, 'systemctl show --property=StatusText dnsguard | grep "did you mean upstreams"', "a mistake is said")
    require(machine.run("pgrep -f 'dnsguard (controller|forwarder)'") == before, "and nothing was changed")
    machine.run("cp good.yaml /etc/dnsguard/dnsguard.yaml")


def with_all_on(machine: Machine) -> None:
    """What takes other rights of the kernel than the rest works for the service's user, too."""
    settings = "intercept_dns: Workloads", "revoke_established: On", "fail_open_after: 1h", "packet_log: All"
    machine.run(rf"printf '%s\n' {shlex.join(settings)} >> /etc/dnsguard/dnsguard.yaml")
    machine.run("systemctl restart dnsguard")
    wait(machine, ENFORCES, f"enforcing with {', '.join(settings)}")
    wait(machine, "dnsguard status --exit-code", "and without problems")


def see_containers(machine: Machine) -> None:
    """What Docker mounts after the service has started is there for its user, and for no other."""
    machine.run("groupadd --system docker")
    type_in(machine, "Containers of Docker")
    wait(machine, ENFORCES, "enforcing with the rights that Docker takes")
    machine.run("mkdir -p /run/docker/netns && chmod 700 /run/docker && touch /run/docker/netns/c1")
    machine.run("mount --bind /proc/self/ns/net /run/docker/netns/c1")
    looks = "stat --file-system --format=%T /run/docker/netns/c1"
    as_user = f"nsenter -m -t $({MAIN}) setpriv --reuid=dnsguard --regid=dnsguard --clear-groups"
    rights = "--inh-caps=+dac_read_search --ambient-caps=+dac_read_search"
    require(machine.run(f"{as_user} {rights} {looks}") == "nsfs\n", "the namespace of a container is there")
    require(machine.tried(f"{as_user} {looks}").returncode != 0, "and not without that right")
    has = machine.run(f"grep CapEff /proc/$({MAIN})/status").split()[1]
    require(int(has, 16) == 1 << 2 | 1 << 10 | 1 << 12 | 1 << 13, f"the service has these rights and no others: {has}")


def under_look_ups(machine: Machine, world: World, heading: str, times: int, server: str = GATEWAY) -> None:
    """What a section says, while a workload looks names up and connects; nothing is lost."""
    with world.asking(server) as asked:
        for _ in range(times):
            type_in(machine, heading)
            wait(machine, ENFORCES, "enforcing")
    said = f"{asked.answered} look-ups answered, {asked.again} asked again, slowest {asked.slowest:.1f} s"
    require(not asked.lost, f"{said}, lost {asked.lost[:5]}")
    say(f"{heading}, {times} times under look-ups at {server}: {said}, none lost, each connected")


def reboot_and_remove(root: Path, world: World) -> None:
    """Switched off without notice, and on again."""
    with booted(root) as machine:
        world.plug_in(machine)
        wait(machine, ENFORCES, "enforcing after a reboot")
        order = "systemctl show --property=ActiveEnterTimestampMonotonic --value"
        closed, network, started = (
            int(machine.run(f"{order} {unit}")) for unit in ("dnsguard-boot", "network-pre.target", "dnsguard")
        )
        require(0 < closed <= network < started, f"closed at {closed} µs, network at {network}, enforcing at {started}")
        before, after = (network - closed) / 1e3, (started - closed) / 1e6
        say(f"closed {before:.0f} ms before the network, enforcing {after:.1f} s after that")
        use(world)
        machine.run("systemctl stop dnsguard.socket dnsguard && nft delete table inet dnsguard")
        machine.run("systemctl restart dnsguard-boot")
        require(not world.reaches(ALLOWED), "closed by the rules of the boot alone")
        machine.run("systemctl start dnsguard")
        use(world)
        type_in(machine, "Uninstall")
        rules = machine.run("nft list ruleset; ip rule; ip link show type veth")
        require("dnsguard" not in rules and "dgcanary" not in rules and "10053" not in rules, f"left: {rules}")
        # in /var/tmp is what systemd removes when a machine boots again; ours have one boot id, which is the kernel's
        left = machine.run(
            "find / -xdev \\( -path /root -o -path /proc -o -path /var/log -o -path /var/tmp \\) -prune"
            " -o -name '*dnsguard*' -print"
        )
        require(not left.strip(), f"files left:\n{left}")
        require(world.reaches(OTHER), "nothing is policed any more")


def later_version(dist: Path) -> None:
    """The same under the number of a later one, as an upgrade finds it."""
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch)
        for name in "dnsguard", "api", "deploy", "README.md", "LICENSE", "pyproject.toml":
            subprocess.run(["cp", "-a", str(REPOSITORY / name), scratch], check=True)
        project = copy / "pyproject.toml"
        project.write_text(re.sub(r"^version = .*$", 'version = "0.1.1"', project.read_text(), flags=re.MULTILINE))
        words = "pip wheel --quiet --no-deps --no-build-isolation --no-index --disable-pip-version-check -w"
        subprocess.run([sys.executable, "-m", *words.split(), str(dist), scratch], check=True)


def wait(machine: Machine, command: str, what: str) -> None:
    """Until the command ends well. Raises Failed."""
    until = time.monotonic() + PATIENCE
    while machine.tried(command).returncode:
        if time.monotonic() > until:
            raise Failed(
                f"{what}: not in {PATIENCE:.0f} s\n{machine.run('systemctl status --no-pager dnsguard; true')}"
            )
        time.sleep(0.2)
    say(what)


def require(holds: bool, what: str) -> None:
    """Raises Failed."""
    if not holds:
        raise Failed(what)


if __name__ == "__main__":
    sys.exit(main())
