"""Where settings come from, and that everything wrong is said at once."""

import argparse
from pathlib import Path

import pytest

from dnsguard.calc.evaluator.failsafe import DEFAULT_FAILSAFE
from dnsguard.locations import default_run_dir, default_state_dir
from dnsguard.settings import Settings, SettingsError, add_flags, settings_from, settings_from_argv
from dnsguard.settings.flags import FLAGS
from dnsguard.settings.forms import PRIVATE
from dnsguard.settings.sources import system_resolvers, system_search_domains

UPSTREAM = ("--upstreams", "192.0.2.53")


def read(*words: str, **environ: str) -> Settings:
    return settings_from_argv([*UPSTREAM, *words], "test", environ)


def problems(*words: str, **environ: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        settings_from_argv(words, "test", environ)
    assert caught.value.exit_code == 2
    return list(caught.value.problems)


def test_without_any_setting_there_are_defaults() -> None:
    found = read(HOME="/home/someone")
    assert [str(address) for address in found.listen] == ["127.0.0.1:53", "[::1]:53"]
    assert found.api_url == "https://127.0.0.1:8053"
    assert str(found.health_listen) == "127.0.0.1:8054"
    assert found.workload_interfaces == ("cali",)
    assert (found.lease_scope, found.lease_floor, found.commit_deadline, found.on_stop) == (
        "Client",
        60.0,
        0.25,
        "Keep",
    )
    assert (found.table, found.endpoint_to_host_action, found.dns_extra_ttl) == ("dnsguard", "Drop", 0.0)
    assert found.node_name
    assert (found.failsafe_inbound, found.failsafe_outbound) == (DEFAULT_FAILSAFE.inbound, DEFAULT_FAILSAFE.outbound)


def test_flags_come_before_environment_before_file(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("table: from-file\nnode_name: from-file\nlease_floor: 5\nlisten: ['192.0.2.1', '[::1]:5353']\n")
    environ = {"DNSGUARD_TABLE": "from-environment", "DNSGUARD_NODE_NAME": "from-environment"}
    found = read("--config", str(config), "--table", "from-flag", **environ)
    assert (found.table, found.node_name, found.lease_floor) == ("from-flag", "from-environment", 5.0)
    assert [str(address) for address in found.listen] == ["192.0.2.1:53", "[::1]:5353"]
    assert read(DNSGUARD_CONFIG=str(config)).table == "from-file"


def test_help_says_every_default() -> None:
    parser = argparse.ArgumentParser()
    add_flags(parser)
    said = {action.dest.removeprefix("setting_"): str(action.help) for action in parser._actions}
    for name, default in [
        ("listen", "127.0.0.1:53, [::1]:53"), ("api_listen", "127.0.0.1:8053"), ("workload_interfaces", "cali"),
        ("workload_cidrs", "none"), ("lease_floor", "60s"), ("commit_deadline", "250ms"), ("dns_extra_ttl", "0s"),
        ("lease_scope", "Client"), ("on_stop", "Keep"), ("table", "dnsguard"), ("fail_open_after", "Off"),
        ("conntrack_mark_mask", "0x0000ff00"),
    ]:  # fmt: skip
        assert said[name].endswith(f" (default: {default})"), said[name]
    assert "(default: tcp:22, udp:68," in said["failsafe_inbound"]
    assert all("default" in said[name] for name in FLAGS)


def test_every_setting_is_a_flag() -> None:
    assert set(FLAGS) == set(Settings.model_fields)


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("packet_log", "Off", "on"),
        ("packet_log_rate", "7", "0"),
        ("packet_log_group", "7", "100"),
        ("revoke_established", "On", "yes"),
        ("conntrack_mark_mask", "0xf0", "0xf1f"),
        ("fail_open_after", "30s", "never"),
        ("self_test", "Off", "on"),
        ("self_test_interval", "1s", "0"),
        ("canary_interface", "probe", "a b"),
        ("canary_nets", "192.0.2.0/29", "192.0.2.0/31"),
    ],
)
def test_flag_variable_and_key_say_the_same_and_are_named(name: str, good: str, bad: str, tmp_path: Path) -> None:
    config, flag, variable = tmp_path / "config.yaml", f"--{name.replace('_', '-')}", f"DNSGUARD_{name.upper()}"
    said = {name: getattr(read(flag, good), name)}
    assert said[name] != getattr(read(), name)
    config.write_text(f"{name}: {good}\n")
    assert said == {name: getattr(read(**{variable: good}), name)}
    assert said == {name: getattr(read("--config", str(config)), name)}
    config.write_text(f"{name}: {bad}\n")
    for place, (problem,) in (
        (flag, problems(*UPSTREAM, flag, bad)),
        (variable, problems(*UPSTREAM, **{variable: bad})),
        (f"{config}: {name}", problems(*UPSTREAM, "--config", str(config))),
    ):
        assert problem.startswith(f"{place}: ")
        assert bad in problem


def test_usage_has_what_is_no_setting() -> None:
    parser = argparse.ArgumentParser(prog="dnsguard render", allow_abbrev=False)
    parser.add_argument("--live", action="store_true")
    add_flags(parser)
    assert parser.format_usage() == "usage: dnsguard render [-h] [--live] [--config FILE] [--SETTING VALUE ...]\n"
    assert "settings: packet log:" in parser.format_help()


def test_everything_wrong_is_said_with_where_it_came_from(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("lease_floor: soon\ntabel: x\non_stop: Maybe\n")
    said = problems("--config", str(config), "--listen", "192.0.2.1,x", DNSGUARD_TABLE="a b", DNSGUARD_LITSEN="y")
    assert [problem.rpartition(": ")[0].split(": ")[:2] for problem in said[:2]] == [
        [str(config), "tabel"],
        ["DNSGUARD_LITSEN"],
    ]
    assert "did you mean table?" in said[0]
    assert "did you mean listen?" in said[1]
    assert [problem for problem in said if problem.startswith("--listen[1]: 'x' is no socket address")]
    assert [problem for problem in said if problem.startswith(f"{config}: lease_floor: 'soon' is no duration")]
    assert [problem for problem in said if problem.startswith(f"{config}: on_stop: ")]
    assert [problem for problem in said if problem.startswith("DNSGUARD_TABLE: 'a b' is no table name")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "is no YAML"),
        ("- a", "must be one mapping"),
        ("table: a\n---\ntable: b\n", "must be one mapping"),
        ("table: a\ntable: b\n", "duplicate key 'table'"),
        ("[" * 3_000 + "]" * 3_000, "nested deeper than 64 levels"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, text: str, said: str) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(text)
    (problem,) = problems("--config", str(config), *UPSTREAM)
    assert problem.startswith(f"{config}: ")
    assert said in problem
    assert "No such file" in problems("--config", "/nowhere.yaml", *UPSTREAM)[0]


def test_an_empty_file_says_nothing(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("# nothing yet\ntable:\n")
    assert read("--config", str(config)).table == "dnsguard"


def test_variables_of_the_client_are_no_settings() -> None:
    assert read(DNSGUARD_SERVER="x", DNSGUARD_TOKEN="y", DNSGUARD_TOKEN_FILE="z").table == "dnsguard"


def test_a_choice_that_there_is_not_is_quoted_with_those_there_are() -> None:
    assert problems("--endpoint-to-host-action", "drop", *UPSTREAM) == [
        "--endpoint-to-host-action: 'drop' is none of the choices: write Drop, Accept or Return"
    ]


@pytest.mark.parametrize("upstream", ["127.0.0.1", "[::1]:53"])
def test_we_never_ask_ourselves(upstream: str) -> None:
    (problem,) = problems("--upstreams", f"192.0.2.53,{upstream}")
    assert "is this forwarder itself" in problem
    assert problems("--upstreams", "none") == ["upstreams: the list is empty: write at least one trusted DNS server"]


def test_upstreams_of_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "resolv.conf"
    servers = ["127.0.0.1", "192.0.2.53", "fe80::1%eth0", "2001:db8::53", "192.0.2.53", "", "x"]
    path.write_text("# c\nsearch example.org\n" + "".join(f"nameserver {server}\n" for server in servers))
    monkeypatch.setattr("dnsguard.settings.sources.RESOLV_CONF", path)
    found = settings_from_argv([], "test", {})
    assert found.upstreams == ("192.0.2.53:53", "[2001:db8::53]:53")
    assert "upstreams" not in found.model_fields_set, "nobody gave them"
    assert "upstreams" in settings_from_argv(["--upstreams", "192.0.2.1"], "test", {}).model_fields_set
    path.write_text("nameserver 127.0.0.1\n")
    assert "names no server besides ourselves" in problems()[0]
    assert settings_from_argv(["--listen", "127.0.0.2"], "test", {}).upstreams == ("127.0.0.1:53",)
    assert system_resolvers(tmp_path / "nowhere") == ()


def test_commands_that_ask_nobody_need_no_upstream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dnsguard.settings.sources.RESOLV_CONF", tmp_path / "nowhere")
    parser = argparse.ArgumentParser()
    add_flags(parser)
    assert settings_from(parser.parse_args([]), {}, needs_upstreams=False).upstreams == ()


def test_where_things_are() -> None:
    assert str(default_state_dir({}, is_root=True)) == "/var/lib/dnsguard"
    assert str(default_state_dir({"XDG_STATE_HOME": "/x"}, is_root=False)) == "/x/dnsguard"
    service = {"XDG_STATE_HOME": "/x", "STATE_DIRECTORY": "/var/lib/dnsguard"}
    assert str(default_state_dir(service, is_root=False)) == "/var/lib/dnsguard"
    assert default_state_dir({}, is_root=False) == Path.home() / ".local/state/dnsguard"
    assert str(default_run_dir(Path("/var/lib/dnsguard"))) == "/run/dnsguard"
    found = read("--state-dir", "/x/../y/state", "--run-dir", "/z")
    assert (found.token_file, found.link_socket) == (Path("/x/../y/state/token"), Path("/z/link.sock"))
    assert read("--state-dir", "/y/state").run_dir == Path("/y/state/run")


@pytest.mark.parametrize(
    ("text", "nets"),
    [
        ("none", []),
        ("192.0.2.0/24", ["192.0.2.0/24"]),
        ("private,198.18.0.0/15", [*map(str, PRIVATE), "198.18.0.0/15"]),
    ],
)
def test_networks_that_no_name_opens(text: str, nets: list[str]) -> None:
    assert [str(net) for net in read("--unleased-nets", text).unleased_nets] == nets


def test_a_network_that_is_none_is_quoted() -> None:
    assert problems("--unleased-nets", "private,lan", *UPSTREAM) == [
        "--unleased-nets: 'lan' is no network: write 192.0.2.0/24 or 2001:db8::/32"
    ]


def test_an_empty_state_dir_is_said_once() -> None:
    assert problems("--state-dir", " ", *UPSTREAM) == ["--state-dir: is empty: write a path"]


def test_interception_is_off_until_it_is_asked_for() -> None:
    assert (read().intercept_dns, read().intercept_port) == ("Off", 8055)
    found = read("--intercept-dns", "Workloads", "--intercept-port", "5353")
    assert (found.intercept_dns, found.intercept_port) == ("Workloads", 5353)
    assert problems(*UPSTREAM, "--intercept-dns", "On", "--intercept-port", "0") == [
        "--intercept-dns: 'On' is none of the choices: write Off, Workloads or WorkloadsAndNode",
        "--intercept-port: '0' is no port: write 1 to 65535",
    ]


def test_servers_by_name_cannot_be_found_where_the_nodes_own_dns_is_intercepted() -> None:
    named = ("--upstreams", "dns.example.org,192.0.2.53")
    assert settings_from_argv([*named, "--intercept-dns", "Workloads"], "test", {}).upstreams
    assert problems(*named, "--intercept-dns", "WorkloadsAndNode") == [
        "upstreams: dns.example.org:53 is a name, and with intercept_dns=WorkloadsAndNode it would be looked up here:"
        " write its address"
    ]


def test_search_domains_are_those_of_resolv_conf_and_the_one_of_kubernetes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "resolv.conf"
    monkeypatch.setattr("dnsguard.settings.sources.RESOLV_CONF", path)
    path.write_text("domain example.net\nsearch Corp.Example. . lab..example corp.example b.example\n#search x\n")
    found = read()
    assert found.search_domains == ("cluster.local", "corp.example", "b.example")
    assert "search_domains" not in found.model_fields_set
    assert read("--search-domains", "svc.example").search_domains == ("svc.example",)
    assert read("--search-domains", "none").search_domains == ()
    path.write_text("search corp.example\nsearch\n")
    assert system_search_domains(path) == ()
    assert system_search_domains(tmp_path / "nowhere") == ()


@pytest.mark.parametrize(("text", "said"), [(".", "every name is below it"), ("a..b", "a label is empty")])
def test_a_search_domain_is_a_name(text: str, said: str) -> None:
    (problem,) = problems("--search-domains", f"corp.example,{text}", *UPSTREAM)
    assert problem.startswith("--search-domains[1]: ")
    assert said in problem


def test_bounds_are_whole_numbers() -> None:
    assert read("--leases-per-name", "7").leases_per_name == 7
    assert problems("--leases-per-client", "0", "--leases-in-total", "1e6", *UPSTREAM) == [
        "--leases-per-client: '0' is no such number: write 1 to 1000000000",
        "--leases-in-total: '1e6' is no such number: write 1 to 1000000000",
    ]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("cert",), "api_cert_file: is given without api_key_file"),
        (("key",), "api_key_file: is given without api_cert_file"),
        (("cert", "key", "off"), "api_cert_file: means nothing with api_tls Off"),
        (("ca", "off"), "api_client_ca_file: means nothing with api_tls Off"),
    ],
)
def test_files_of_certificates_go_together(tmp_path: Path, given: tuple[str, ...], said: str) -> None:
    file = tmp_path / "a.pem"
    file.write_text("-----BEGIN CERTIFICATE-----")
    variables = {
        "cert": ("DNSGUARD_API_CERT_FILE", str(file)), "key": ("DNSGUARD_API_KEY_FILE", str(file)),
        "ca": ("DNSGUARD_API_CLIENT_CA_FILE", str(file)), "off": ("DNSGUARD_API_TLS", "Off"),
    }  # fmt: skip
    with pytest.raises(SettingsError, match=said):
        read(**dict(variables[each] for each in given))
