"""`dnsguard render`: the nftables rules that objects make, as text."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace

from dnsguard.calc.compile import compile_policy
from dnsguard.calc.compiled import Compiled
from dnsguard.cli.access import add_server_flags
from dnsguard.cli.errors import UsageError
from dnsguard.cli.files import add_file_flags, read_files
from dnsguard.cli.server import Server, object_path
from dnsguard.controller.node import foundation_settings, interface_addresses, plan_settings
from dnsguard.controller.plugs import plugged
from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.render import render
from dnsguard.resources import KINDS, Resource, parse_object
from dnsguard.resources.references import BUILTINS
from dnsguard.settings import Settings, add_flags, settings_from
from dnsguard.settings.effective import effective


def main(argv: Sequence[str]) -> int:
    """Print the table; warnings go to stderr. Raises SettingsError, ManifestError, CommandError."""
    parser = argparse.ArgumentParser(
        prog="dnsguard render",
        allow_abbrev=False,
        description="Show the nftables rules that files make on this node, or those of a server's objects.",
    )
    add_file_flags(parser, required=False)
    parser.add_argument(
        "--at-boot",
        action="store_true",
        help="the table that lets no workload through, for nft to load before dnsguard has started",
    )
    parser.add_argument("--live", action="store_true", help="take the objects that the server holds")
    add_server_flags(parser, with_settings=True)
    add_flags(parser)
    arguments = parser.parse_args(argv)
    if [bool(arguments.filename), arguments.live, arguments.at_boot].count(True) != 1:
        raise UsageError("say what to render: -f FILE, --live, or --at-boot")
    settings = settings_from(arguments, needs_upstreams=False)
    if arguments.at_boot:
        print(render(build_plan(Compiled(), foundation_settings(settings))), end="")
        return 0
    if arguments.live:
        with Server.of(arguments) as server:
            resources = held_objects(server)
    else:
        resources = [document.resource for document in read_files(arguments.filename, arguments.namespace)]
    text, warnings = rendered(resources, settings)
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    print(text, end="" if text.endswith("\n") else "\n")
    return 0


def rendered(resources: Sequence[Resource], settings: Settings) -> tuple[str, tuple[str, ...]]:
    """The table as text, and what the compiler warns about. Built-in objects are there unless they are given."""
    given = {(resource.kind, resource.namespace, resource.name) for resource in resources}
    builtins = [builtin for builtin in BUILTINS if (builtin.kind, builtin.namespace, builtin.name) not in given]
    whole = (*builtins, *resources)
    compiled = compile_policy(whole)
    configuration = effective(settings, whole)
    node = plan_settings(settings, interface_addresses(whole), configuration, plugged())
    plan = build_plan(compiled, replace(node, canary=None))  # of the self-test nobody asks
    warnings = [*compiled.warnings, *plan.warnings, *configuration.warnings]
    if not any(endpoint.is_on(settings.node_name) for endpoint in compiled.endpoints.values()):
        warnings.append(f"no endpoint among these objects is on node {settings.node_name}: no policy applies here")
    return render(plan), tuple(warnings)


def held_objects(server: Server) -> list[Resource]:
    """Every object that the server holds and that policy may be computed from. Raises ServerError, UnreachableError."""
    found: list[Resource] = []
    for kind in KINDS:
        if kind.is_access:  # no rule in the kernel comes from it
            continue
        answer = server.get(object_path(kind, ""))
        found += [parse_object({"apiVersion": kind.api_version, "kind": kind.kind, **item}) for item in answer["items"]]
    return found
