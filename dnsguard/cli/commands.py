"""The words of the command line. Nothing is imported to name them."""

from collections.abc import Mapping
from typing import Final, NamedTuple


class Command(NamedTuple):
    """One word of the command line."""

    name: str
    module: str
    """Has `main(argv) -> int`; argv without the command's name."""
    text: str


GROUPS: Final[Mapping[str, tuple[Command, ...]]] = {
    "the node": (
        Command("run", "dnsguard.cli.run", "start controller and forwarder, and keep them running"),
        Command("controller", "dnsguard.controller.main", "the process that holds policy: API, store, rules"),
        Command("forwarder", "dnsguard.forwarder.main", "the process that answers DNS and opens what policy allows"),
        Command("status", "dnsguard.cli.status", "how the controller, its forwarders and the rules are"),
        Command("backup", "dnsguard.cli.backup", "write everything that is stored into one file, while it runs"),
        Command("restore", "dnsguard.cli.restore", "put a backup in place of what is stored"),
        Command("uninstall", "dnsguard.cli.uninstall", "remove our nftables table: enforcement ends"),
    ),
    "objects": (
        Command("apply", "dnsguard.cli.apply", "create or update objects from files"),
        Command("diff", "dnsguard.cli.diff", "what an apply of files would change"),
        Command("get", "dnsguard.cli.get", "show objects"),
        Command("allow", "dnsguard.cli.allow", "add domains and networks to a network set"),
        Command("disallow", "dnsguard.cli.disallow", "take domains and networks out of a network set"),
        Command("edit", "dnsguard.cli.edit", "change one object in an editor"),
        Command("delete", "dnsguard.cli.delete", "delete objects"),
    ),
    "what happens, and why": (
        Command("explain", "dnsguard.cli.explain", "what would happen to a connection, and why"),
        Command("effective", "dnsguard.cli.effective", "all that applies to an endpoint, in the order of evaluation"),
        Command("endpoints", "dnsguard.cli.endpoints", "who is policed, where, and whether that is in force"),
        Command("leases", "dnsguard.cli.leases", "which addresses names have opened, to whom, and for how long"),
        Command("names", "dnsguard.cli.learnednames", "names that were looked up, and where they led whom"),
        Command("log", "dnsguard.cli.log", "who asked which names, and what became of it"),
        Command("denied", "dnsguard.cli.denied", "whose packets were denied, to what, and by which rule"),
    ),
    "who may, and who did": (
        Command("token", "dnsguard.cli.token", "tokens for users of the API: create, list, revoke"),
        Command("kubeconfig", "dnsguard.cli.kubeconfig", "write what kubectl needs to speak to a server"),
        Command("audit", "dnsguard.cli.audit", "who changed what, and what was denied; whether the log is whole"),
    ),
    "without a server": (
        Command("validate", "dnsguard.cli.validate", "check files without a server"),
        Command("render", "dnsguard.cli.render", "show the nftables rules that files make, without a server"),
        Command("codes", "dnsguard.cli.codes", "what the codes of errors and warnings ask for"),
        Command("completion", "dnsguard.cli.completion", "make a shell complete commands and names"),
        Command("help", "dnsguard.cli.help", "say more of one command, with examples"),
        Command("version", "dnsguard.cli.version", "show the version"),
    ),
}
"""Commands by what they are for, in the order in which `dnsguard help` lists them."""

COMMANDS: Final = tuple(command for commands in GROUPS.values() for command in commands)
