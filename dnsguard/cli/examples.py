"""Commands as people type them, shown by `--help`. A test parses each of them."""

from collections.abc import Mapping
from typing import Final, NamedTuple


class Example(NamedTuple):
    """One line, and what it is for."""

    line: str
    text: str


def _rows(*pairs: tuple[str, str]) -> tuple[Example, ...]:
    return tuple(Example(line, text) for line, text in pairs)


EXAMPLES: Final[Mapping[str, tuple[Example, ...]]] = {
    "run": _rows(
        ("dnsguard run --upstreams 192.0.2.53", "everything on one machine, asking that DNS server"),
        ("dnsguard run --config /etc/dnsguard.yaml", "settings from a file"),
    ),
    "controller": _rows(
        ("dnsguard controller --config /etc/dnsguard.yaml", "only the process that holds policy"),
        ("dnsguard controller --api-listen 127.0.0.1:9053", "with its API on another port"),
    ),
    "forwarder": _rows(
        ("dnsguard forwarder --upstreams 192.0.2.53,198.51.100.53", "only the process that answers DNS"),
        ("dnsguard forwarder --listen 127.0.0.1:5353", "elsewhere than on port 53"),
    ),
    "apply": _rows(
        ("dnsguard apply -f policy/", "all files of a folder, at any depth"),
        ("dnsguard apply -f policy/ --diff --dry-run", "what would change; exit code 1 where something would"),
        ("dnsguard apply -f policy/ --applyset shop --prune", "and delete what an earlier such apply brought"),
        ("cat set.yaml | dnsguard apply -f - -n shop", "from standard input"),
    ),
    "diff": _rows(
        ("dnsguard diff -f policy/", "what an apply would change, line by line"),
        ("dnsguard diff -f policy/ --applyset shop --prune", "and what it would delete"),
    ),
    "get": _rows(
        ("dnsguard get networkpolicies -A", "those of all namespaces, as a table"),
        ("dnsguard get networkset partners -n shop -o yaml", "one object, as it is kept"),
        ("dnsguard get gnp,tiers -o name", "names, of several kinds"),
        ("dnsguard get weps -n shop -l app=web -w", "and what becomes of them from now on"),
    ),
    "allow": _rows(
        ("dnsguard allow api.example.com '*.example.org' --set partners -n shop", "two domains more"),
        ("dnsguard allow 192.0.2.0/24 --set cdn --global", "a network, in a GlobalNetworkSet"),
        ("dnsguard allow example.com --set cdn --create --label role=cdn", "in a set that may not be there yet"),
        ("dnsguard allow -f domains.txt --set partners --dry-run", "one a line; what would change"),
    ),
    "disallow": _rows(
        ("dnsguard disallow api.example.com --set partners -n shop", "says so where a wildcard still covers it"),
        ("dnsguard disallow 192.0.2.0/24 --set cdn --global --dry-run", "what would change"),
    ),
    "edit": _rows(
        ("dnsguard edit networkpolicy default.web -n shop", "in $EDITOR; what was typed is never lost"),
        ("EDITOR='code --wait' dnsguard edit tier security", "in another editor"),
    ),
    "delete": _rows(
        ("dnsguard delete networkset partners -n shop", "by kind and name"),
        ("dnsguard delete gnp/default.a gns/cdn", "of several kinds"),
        ("dnsguard delete -f policy/ --ignore-not-found", "what files name, policies before their tiers"),
    ),
    "explain": _rows(
        ("dnsguard explain shop/web api.example.com:443", "would it be allowed, and by which rule"),
        ("dnsguard explain shop/web 192.0.2.7:53 --protocol udp --exit-code", "for scripts: 3 where it is denied"),
        ("dnsguard explain 198.51.100.7 shop/web:443 -o json", "from outside, for programs"),
    ),
    "effective": _rows(
        ("dnsguard effective shop/web", "all that applies to a workload"),
        ("dnsguard effective uplink -o json", "to a host endpoint, for programs"),
    ),
    "endpoints": _rows(
        ("dnsguard endpoints", "all, and whether they are enforced"),
        ("dnsguard endpoints -n shop -o json", "those of a namespace, for programs"),
    ),
    "leases": _rows(
        ("dnsguard leases", "which addresses are open to whom, because of which name"),
        ("dnsguard leases shop/web -o json", "of one endpoint, for programs"),
        ("dnsguard leases --address 198.51.100.7", "who reaches this address, and why"),
    ),
    "names": _rows(
        ("dnsguard names", "names that were looked up, and what they led to"),
        ("dnsguard names '*.example.org' -o wide", "such names, with their aliases"),
    ),
    "log": _rows(
        ("dnsguard log --denied", "look-ups that were refused or failed"),
        ("dnsguard log -f --client shop/web", "of one workload, as they happen"),
        ("dnsguard log --name '*.example.org' -n 100 -o json", "the newest hundred, for programs"),
    ),
    "denied": _rows(
        ("dnsguard denied", "whose packets were denied lately, and by which rule"),
        ("dnsguard denied -f --client shop/web", "of one workload, as it happens"),
        ("dnsguard denied -n 100 -o json", "the newest hundred, for programs"),
    ),
    "audit": _rows(
        ("dnsguard audit", "who changed what lately"),
        ("dnsguard audit --verify", "whether the log is whole"),
    ),
    "token": _rows(
        ("dnsguard token create ci --role edit -n shop --expires 30d > ci.token", "for a pipeline, shown this once"),
        ("dnsguard token create ann --group netops", "for somebody whose group has roles"),
        ("dnsguard token list", "who has one, and until when"),
        ("dnsguard token revoke ci", "ends it at once"),
    ),
    "kubeconfig": _rows(
        ("dnsguard kubeconfig --into ~/.kube/config", "kubectl as this machine's administrator"),
        ("dnsguard kubeconfig --server https://guard.example.org:8053 --token-file ci.token > ci.yaml", "as another"),
        ("dnsguard kubeconfig --client-certificate ann.pem --client-key ann.key --user ann", "with a certificate"),
    ),
    "status": _rows(
        ("dnsguard status", "how everything is"),
        ("dnsguard status --exit-code -o json", "for monitoring: 3 where it works with problems"),
    ),
    "backup": _rows(
        ("dnsguard backup /backup/dnsguard.tar", "everything that is stored, verified"),
        ("dnsguard backup - | ssh elsewhere 'cat > dnsguard.tar'", "elsewhere"),
    ),
    "restore": _rows(
        ("dnsguard restore /backup/dnsguard.tar", "while dnsguard is stopped"),
        ("dnsguard restore /backup/dnsguard.tar --with-secrets", "its token and keys, too"),
    ),
    "validate": _rows(
        ("dnsguard validate -f policy/", "every fault of every file, without a server"),
        ("helm template . | dnsguard validate -f -", "of what another program writes"),
    ),
    "codes": _rows(
        ("dnsguard codes V-08", "what a code behind a message asks for"),
        ("dnsguard codes -o json", "all of them, for programs"),
    ),
    "render": _rows(
        ("dnsguard render -f policy/", "the rules that files make on this node, without a server"),
        ("dnsguard render --live", "those of the objects that the server holds"),
        ("dnsguard render --at-boot > /etc/nftables.d/dnsguard.nft", "closed until dnsguard has started"),
    ),
    "uninstall": _rows(
        ("dnsguard uninstall", "what was denied passes from then on"),
        ("dnsguard uninstall --table other", "a table of another name"),
    ),
    "completion": _rows(
        ("source <(dnsguard completion bash)", "for this shell"),
        ("dnsguard completion bash > /etc/bash_completion.d/dnsguard", "for everybody"),
        ("dnsguard completion zsh > ~/.zfunc/_dnsguard", "zsh, with ~/.zfunc in fpath"),
        ("dnsguard completion fish > ~/.config/fish/completions/dnsguard.fish", "fish"),
    ),
    "help": _rows(
        ("dnsguard help allow", "one command"),
        ("dnsguard help", "all of them, and what exit codes say"),
    ),
    "version": _rows(
        ("dnsguard version", "for a bug report"),
        ("dnsguard version -o json", "for programs"),
    ),
}
"""By command."""


def examples_text(command: str) -> str:
    """What `--help` ends with; empty where a command has none."""
    rows = EXAMPLES.get(command, ())
    return "\n".join(["", "examples:", *(line for row in rows for line in _shown(row))]) if rows else ""


def _shown(row: Example) -> tuple[str, str]:
    return f"  # {row.text}", f"  {row.line}"
