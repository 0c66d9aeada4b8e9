"""Where settings come from: flags, then environment (`DNSGUARD_…`), then the file of `--config`, then defaults.

Everything that is wrong is reported at once, each with the place its value came from.
"""

import argparse
import difflib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dnsguard.errors import DnsguardError
from dnsguard.locations import RESOLV_CONF, default_run_dir, default_state_dir
from dnsguard.servers import DNS_PORT, NamedServer, read_server
from dnsguard.settings.checked import Fault, InvalidValues
from dnsguard.settings.flags import FLAGS, add_flags
from dnsguard.settings.forms import SocketAddress, read_address, read_domain, read_path
from dnsguard.settings.model import Settings, default_node_name

ENV_PREFIX = "DNSGUARD_"


class SettingsError(DnsguardError):
    """Settings are wrong; `problems` lists all of them, a line each in `str()`."""

    exit_code = 2

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


def settings_from_argv(argv: Sequence[str], prog: str, environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings of a process that takes nothing but settings. Raises SettingsError; bad usage and --help exit."""
    parser = argparse.ArgumentParser(prog=prog, allow_abbrev=False)
    add_flags(parser)
    return settings_from(parser.parse_args(argv), environ)


def settings_from(
    flags: argparse.Namespace, environ: Mapping[str, str] = os.environ, *, needs_upstreams: bool = True
) -> Settings:
    """The settings that flags (of `add_flags`), environment, file and defaults make. Raises SettingsError.

    Without `needs_upstreams` a machine that has none is no error: for commands that ask nobody.
    """
    problems: list[str] = []
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for origin, name, value in (
        *_from_file(flags.config or environ.get(f"{ENV_PREFIX}CONFIG"), problems),
        *_from_environment(environ, problems),
        *_from_flags(flags),
    ):
        values[name], origins[name] = value, origin
    _add_defaults(values, environ)
    given = frozenset(values)
    try:
        settings = Settings.model_validate(values)
    except InvalidValues as error:
        problems += [_problem(fault, origins) for fault in error.faults]
        raise SettingsError(problems) from None
    if "search_domains" not in given:
        settings = _with_search_domains(settings)
    if needs_upstreams:
        settings, more = _with_upstreams(settings, given="upstreams" in given)
        problems += more
    problems += _half_given(settings)
    if problems:
        raise SettingsError(problems)
    return settings


def _half_given(settings: Settings) -> list[str]:
    """What means nothing without something else."""
    problems: list[str] = []
    if (settings.api_cert_file is None) != (settings.api_key_file is None):
        given, missing = ("api_cert_file", "api_key_file")[:: 1 if settings.api_cert_file else -1]
        problems.append(f"{given}: is given without {missing}: write both, or none to have a certificate made")
    if settings.api_tls == "Off":
        files = ("api_cert_file", "api_client_ca_file")
        problems += [f"{name}: means nothing with api_tls Off" for name in files if getattr(settings, name) is not None]
    return problems


def _problem(fault: Fault, origins: Mapping[str, str]) -> str:
    place = "".join(f"[{step}]" for step in fault.place)
    return f"{origins.get(fault.name, fault.name)}{place}: {fault.text}"


def _unknown(name: str) -> str:
    close = difflib.get_close_matches(name, list(FLAGS), n=1)
    return f"is no setting; did you mean {close[0]}?" if close else f"is no setting; they are {', '.join(FLAGS)}"


def _from_file(path: str | None, problems: list[str]) -> list[tuple[str, str, Any]]:
    if not path:
        return []
    from dnsguard.yamltext import YamlError, documents  # takes time, and most have no file

    try:
        read = [document.value for document in documents(Path(path).read_text(encoding="utf-8"))]
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f"--config {path}: cannot be read: {getattr(error, 'strerror', None) or error}")
        return []
    except YamlError as error:
        problems.append(f"{path}: {error}")
        return []
    if read in ([], [None]):
        return []
    if len(read) > 1 or not isinstance(read[0], dict):
        problems.append(f"{path}: must be one mapping of settings")
        return []
    settings = read[0]
    problems += [f"{path}: {key}: {_unknown(key)}" for key in settings if key not in FLAGS]
    return [(f"{path}: {key}", key, value) for key, value in settings.items() if key in FLAGS and value is not None]


# Variables of the client commands and of the processes' environment, which are no settings.
_OTHER_VARIABLES = frozenset(
    {"CONFIG", "SERVER", "TOKEN", "TOKEN_FILE", "CERTIFICATE_AUTHORITY", "CLIENT_CERTIFICATE", "CLIENT_KEY"}
)


def _from_environment(environ: Mapping[str, str], problems: list[str]) -> list[tuple[str, str, str]]:
    found = []
    for variable, value in environ.items():
        name = variable.removeprefix(ENV_PREFIX)
        if name == variable or name in _OTHER_VARIABLES or name.startswith("TEST"):
            continue
        if name.lower() in FLAGS and name.isupper():
            found.append((variable, name.lower(), value))
        else:
            problems.append(f"{variable}: {_unknown(name.lower())}")
    return found


def _from_flags(flags: argparse.Namespace) -> list[tuple[str, str, str]]:
    given = ((name, getattr(flags, f"setting_{name}", None)) for name in FLAGS)
    return [(f"--{name.replace('_', '-')}", name, value) for name, value in given if value is not None]


def _add_defaults(values: dict[str, Any], environ: Mapping[str, str]) -> None:
    values.setdefault("state_dir", default_state_dir(environ))
    try:
        values.setdefault("run_dir", default_run_dir(read_path(values["state_dir"])))
    except ValueError:
        values.setdefault("run_dir", Path())  # the state directory is reported
    values.setdefault("node_name", default_node_name())


def _with_upstreams(settings: Settings, *, given: bool) -> tuple[Settings, list[str]]:
    """The same with upstreams from resolv.conf where none are given, less ourselves."""
    own = {str(address) for address in settings.listen}
    if given:
        loops = [server for server in settings.upstreams if server in own]
        problems = [
            f"upstreams: {server} is this forwarder itself (listen): questions would go round" for server in loops
        ]
        problems += _unreachable(settings)
        if not settings.upstreams:
            problems.append("upstreams: the list is empty: write at least one trusted DNS server")
        return settings, problems
    found = tuple(server for server in system_resolvers(RESOLV_CONF) if server not in own)
    if not found:
        return settings, [f"upstreams: {RESOLV_CONF} names no server besides ourselves: set upstreams"]
    return settings.filled(upstreams=found), []


def _unreachable(settings: Settings) -> list[str]:
    """Upstreams by name, where who they are would be asked of ourselves."""
    if settings.intercept_dns != "WorkloadsAndNode":
        return []
    named = (server for server in map(read_server, settings.upstreams) if isinstance(server, NamedServer))
    return [
        f"upstreams: {server} is a name, and with intercept_dns=WorkloadsAndNode it would be looked up here: write its"
        " address"
        for server in named
    ]


def _with_search_domains(settings: Settings) -> Settings:
    """The same with the domains of resolv.conf beside the default."""
    domains = dict.fromkeys((*settings.search_domains, *system_search_domains(RESOLV_CONF)))
    return settings.filled(search_domains=tuple(domains))


def system_search_domains(path: Path) -> tuple[str, ...]:
    """The search list of a resolv.conf, what is no domain left out; of several the last counts (resolv.conf(5))."""
    listed: list[str] = []
    for words in _lines_in_words(path):
        if words[:1] in (["search"], ["domain"]):
            listed = words[1:]
    found = []
    for domain in listed:
        try:
            found.append(read_domain(domain))
        except ValueError:
            continue
    return tuple(dict.fromkeys(found))


def system_resolvers(path: Path) -> tuple[str, ...]:
    """The name servers of a resolv.conf, those with a zone left out; nothing where it cannot be read."""
    found = []
    for server in (words[1] for words in _lines_in_words(path) if len(words) > 1 and words[0] == "nameserver"):
        try:
            found.append(str(SocketAddress(read_address(server), DNS_PORT)))
        except ValueError:
            continue
    return tuple(dict.fromkeys(found))


def _lines_in_words(path: Path) -> list[list[str]]:
    """None where the file cannot be read."""
    try:
        return [line.split() for line in path.read_text(encoding="utf-8", errors="replace").splitlines()]
    except OSError:
        return []
