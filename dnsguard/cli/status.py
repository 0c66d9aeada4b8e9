"""`dnsguard status`: how the whole is."""

import argparse
from collections.abc import Sequence
from typing import Any

from dnsguard.cli.access import add_server_flags
from dnsguard.cli.errors import REFUSED, UNWANTED
from dnsguard.cli.output import add_output_flag, as_text
from dnsguard.cli.server import Server


def main(argv: Sequence[str]) -> int:
    """Show the status; 1 when the server is not ready."""
    parser = argparse.ArgumentParser(
        prog="dnsguard status",
        description="How the controller and its forwarders are.",
    )
    parser.add_argument("--exit-code", action="store_true", help=f"exit with {UNWANTED} where there are problems")
    add_output_flag(parser)
    add_server_flags(parser)
    arguments = parser.parse_args(argv)
    with Server.of(arguments) as server:
        report = server.get("/v1/status")
    print(as_text(report, arguments.output) if arguments.output else "\n".join(summary(report)))
    if not report.get("ready"):
        return REFUSED
    return UNWANTED if arguments.exit_code and report.get("problems") else 0


def summary(report: dict[str, Any]) -> list[str]:
    """The report for people, problems first."""
    problems = report.get("problems", ())
    readiness = _readiness(report["ready"], report.get("enforcing") or "ready", len(problems))
    lines = [f"dnsguard {report['version']}: {readiness}"]
    lines += [f"  problem: {problem}" for problem in problems]
    lines += [f"  warning: {warning}" for warning in report.get("warnings", ())]
    lines.append(f"policy: revision {report.get('storeRevision', 0)}, enforced {report.get('enforcedRevision', 0)}")
    objects = report.get("objects", {})
    if objects:
        lines.append("objects: " + ", ".join(f"{count} {plural}" for plural, count in sorted(objects.items())))
    plane = report.get("dataplane", {})
    state = "in sync" if plane.get("inSync") else "NOT IN SYNC"
    lines.append(
        f"table inet {plane.get('table') or '-'}: {state}, {plane.get('chains', 0)} chains, {plane.get('sets', 0)} sets"
        + (f", {plane['problem']}" if plane.get("problem") else "")
    )
    if docker := report.get("docker"):
        lines.append(f"docker: {_docker(docker)}")
    lines += [
        f"{each['name']}: {each['value']} (by {each['origin']})"
        for each in report.get("configuration", ())
        if each["origin"].startswith("FelixConfiguration/")
    ]
    for forwarder in report.get("forwarders", ()):
        state = "connected" if forwarder.get("connected") else "NOT CONNECTED"
        problem = f", {forwarder['problem']}" if forwarder.get("problem") else ""
        lines.append(
            f"forwarder {forwarder['id']}: {state}, revision {forwarder.get('revision', 0)},"
            f" answers on {', '.join(map(_socket_text, forwarder.get('listen', ()))) or '-'}{problem}"
        )
        lines += _look_ups(forwarder.get("counters", {}))
        lines += [f"  upstream {name}: {health}" for name, health in sorted(forwarder.get("upstreams", {}).items())]
    return lines


def _look_ups(counters: dict[str, int]) -> list[str]:
    """What became of look-ups, in one line; none where a forwarder has not told yet."""
    if "queries" not in counters:
        return []
    said = [f"{counters['queries']} since it started"]
    for name, text in (("refused", "refused by policy"), ("failed", "failed")):
        if counters.get(name):
            said.append(f"{counters[name]} {text}")
    if counters.get("leases_refused"):
        said.append(f"{counters['leases_refused']} held back, since a limit of leases is reached")
    return [f"  look-ups: {', '.join(said)}"]


def _readiness(ready: bool, how: str, problems: int) -> str:
    if not ready:
        return "NOT READY"
    return f"{how}, with {problems} problem{'s' if problems > 1 else ''}" if problems else how


def _docker(state: dict[str, Any]) -> str:
    ago = state.get("seenSecondsAgo")
    if ago is None:
        return "NOT SEEN YET"
    has = f"{_counted(state['containers'], 'container')}, {_counted(state['endpoints'], 'endpoint')}"
    return f"{has}, seen {ago:.0f} s ago" + (", NOT ANSWERING" if state.get("problem") else "")


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def _socket_text(listen: str) -> str:
    """`127.0.0.1#53` as it is written everywhere else: `127.0.0.1:53`, `[::1]:53`."""
    address, _, port = listen.rpartition("#")
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
