"""The configuration in force on a node: one answer to "which value, and who says so". Pure.

For each value by itself, highest first::

    flag, environment or file  >  FelixConfiguration node.NAME  >  FelixConfiguration default  >  built-in default
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from dnsguard.calc.evaluator.failsafe import FailsafePort, FailsafePorts
from dnsguard.calc.evaluator.packet import TCP, UDP
from dnsguard.resources import FelixConfiguration, FelixConfigurationSpec, Resource
from dnsguard.resources.felix import FailsafeEntry, FailsafeProtocol
from dnsguard.settings.forms import MAX_COUNT
from dnsguard.settings.model import Settings
from dnsguard.settings.ownports import joined, of_api, of_servers

SETTING: Final = "setting"
BUILT_IN: Final = "built-in"

LONGEST_EXTRA: Final = 7 * 86_400.0
"""Seconds. Longer and a lease hardly ever ends, and the kernel cannot count so far for ever."""

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Origin:
    """One value for people, and who said it."""

    name: str
    """As FelixConfiguration has it."""

    value: str
    origin: str
    """``setting``, ``FelixConfiguration/node.NAME``, ``FelixConfiguration/default`` or ``built-in``."""


@dataclass(frozen=True, slots=True)
class Effective:
    """What is in force on this node. What is None was said by no resource, or the settings come first."""

    failsafe: FailsafePorts
    endpoint_to_host: str
    """``Drop``, ``Accept`` or ``Return``."""

    allow_vxlan: bool
    """Whether workloads may send VXLAN."""

    allow_ipip: bool
    """Whether workloads may send IP in IP."""

    deny: str
    """``Drop`` or ``Reject``."""

    trusted_servers: tuple[str, ...] | None
    extra_ttl: float | None
    """Seconds."""

    hold: float | None
    """Seconds."""

    save_interval: float | None
    """Seconds."""

    cache_epoch: int
    no_delay: bool
    dns_log: str | None
    """``All`` or ``Off``."""

    dns_log_max_files: int | None
    dns_log_max_file_size_mb: int | None
    origins: tuple[Origin, ...]
    warnings: tuple[str, ...]
    """What is said and not followed, or behaves otherwise than one may expect."""


def effective(settings: Settings, resources: Iterable[Resource]) -> Effective:
    """The configuration of the node that ``settings`` name."""
    named = {each.name: each for each in resources if isinstance(each, FelixConfiguration)}
    layers = [named[name] for name in (f"node.{settings.node_name}", "default") if name in named]
    return _Choice(settings, layers).effective()


class _Choice:
    """Chooses value by value and notes who said it."""

    def __init__(self, settings: Settings, layers: list[FelixConfiguration]) -> None:
        self._settings = settings
        self._layers = layers
        self._origins: list[Origin] = []
        self._warnings: list[str] = []

    def effective(self) -> Effective:
        settings = self._settings
        to_host = self._choose("default_endpoint_to_host_action", str, str(settings.endpoint_to_host_action),
                               "endpoint_to_host_action")  # fmt: skip
        vxlan = self._choose("allow_vxlan_packets_from_workloads", bool, False)
        ipip = self._choose("allow_ipip_packets_from_workloads", bool, False)
        deny = self._choose("nftables_filter_deny_action", str, "Drop")
        # An empty list is one that nobody can be asked by: the forwarder refuses it and says so, as any such list.
        trusted = self._choose(
            "dns_trusted_servers", lambda told: tuple(map(str, told)) or ("",), settings.upstreams, "upstreams"
        )
        failsafe = FailsafePorts(
            self._failsafe("failsafe_inbound_host_ports", "failsafe_inbound", of_api(settings.api_listen)),
            self._failsafe("failsafe_outbound_host_ports", "failsafe_outbound", of_servers(trusted)),
        )
        extra = self._choose("dns_extra_ttl", self._extra, settings.dns_extra_ttl, "dns_extra_ttl")
        hold = self._choose(
            "dns_packets_nfqueue_max_hold_duration", self._hold, settings.commit_deadline, "commit_deadline"
        )
        save = self._choose("dns_cache_save_interval", lambda told: float(told.seconds), 60.0)
        epoch = self._choose("dns_cache_epoch", int, 0)
        no_delay = self._no_delay()
        logs = self._choose(
            "dns_logs_file_enabled", lambda told: "All" if told else "Off", str(settings.dns_log), "dns_log"
        )
        files = self._choose("dns_logs_file_max_files", _count, settings.dns_log_max_files, "dns_log_max_files")
        size = self._choose(
            "dns_logs_file_max_file_size_mb", _count, settings.dns_log_max_file_size_mb, "dns_log_max_file_size_mb"
        )
        self._drop_action()
        if settings.fail_open_after:
            self._warnings.append(
                f"fail_open_after: dnsguard fails open: everything passes {settings.fail_open_after:g} s after the last"
                " sign of life of the forwarder"
            )
        return Effective(
            failsafe=failsafe,
            endpoint_to_host=to_host,
            allow_vxlan=vxlan,
            allow_ipip=ipip,
            deny=deny,
            trusted_servers=trusted if self._by_resource("dns_trusted_servers", "upstreams") else None,
            extra_ttl=extra if self._by_resource("dns_extra_ttl", "dns_extra_ttl") else None,
            hold=hold if self._by_resource("dns_packets_nfqueue_max_hold_duration", "commit_deadline") else None,
            save_interval=save if self._by_resource("dns_cache_save_interval") else None,
            cache_epoch=epoch,
            no_delay=no_delay,
            dns_log=logs if self._by_resource("dns_logs_file_enabled", "dns_log") else None,
            dns_log_max_files=files if self._by_resource("dns_logs_file_max_files", "dns_log_max_files") else None,
            dns_log_max_file_size_mb=size
            if self._by_resource("dns_logs_file_max_file_size_mb", "dns_log_max_file_size_mb")
            else None,
            origins=tuple(sorted(self._origins, key=lambda each: each.name)),
            warnings=tuple(self._warnings),
        )

    def _layer(self, field: str, setting: str = "") -> FelixConfiguration | None:
        """The resource that decides this field; None where the settings or the built-in default do."""
        if setting in self._settings.model_fields_set:
            return None
        return next((each for each in self._layers if getattr(each.spec, field) is not None), None)

    def _by_resource(self, field: str, setting: str = "") -> bool:
        return self._layer(field, setting) is not None

    def _choose(self, field: str, read: Callable[[Any], Value], otherwise: Value, setting: str = "") -> Value:
        """The value of a field; ``otherwise`` is what the setting says, or the built-in default where there is none."""
        layer = self._layer(field, setting)
        value = otherwise if layer is None else read(getattr(layer.spec, field))
        if layer is not None:
            origin = _of(layer)
        else:
            origin = SETTING if setting in self._settings.model_fields_set else BUILT_IN
            if (unheard := self._layer(field)) is not None:
                flag = f"--{setting.replace('_', '-')}"
                self._warnings.append(f"{_written(field)} of {_of(unheard)} is without effect: {flag} is set")
        self._note(field, value, origin)
        return value

    def _note(self, field: str, value: object, origin: str) -> None:
        self._origins.append(Origin(_written(field), _text(value), origin))

    def _failsafe(self, field: str, setting: str, own: Iterable[FailsafePort]) -> tuple[FailsafePort, ...]:
        """``own``: what joins the built-in list, and no other."""
        listed: tuple[FailsafePort, ...] = getattr(self._settings, setting)
        otherwise = listed if setting in self._settings.model_fields_set else joined(listed, own)
        return self._choose(field, lambda told: tuple(map(_failsafe_port, told)), otherwise, setting)

    def _extra(self, told: Any) -> float:
        seconds = float(told.seconds)
        if seconds > LONGEST_EXTRA:
            self._warnings.append(f"dnsExtraTTL: {told} counts as {LONGEST_EXTRA:g} s, the most there is")
        return min(seconds, LONGEST_EXTRA)

    def _hold(self, told: Any) -> float:
        """A resource may shorten the hold. It cannot lengthen it: everybody waits while the kernel is waited for."""
        seconds, most = float(told.seconds), self._settings.commit_deadline
        if seconds > most:
            self._warnings.append(
                f"dnsPacketsNfqueueMaxHoldDuration: {told} counts as {most:g} s, the commit_deadline of the settings;"
                " an answer whose addresses are not open by then is SERVFAIL, it is never released without them"
            )
        return min(seconds, most)

    def _no_delay(self) -> bool:
        """The mode of DNS policy. Ours is the nftables one; the general one counts where that is not said."""
        found = None
        for field in ("nftables_dns_policy_mode", "dns_policy_mode"):
            for layer in self._layers:
                if found is None and (mode := getattr(layer.spec, field)) is not None:
                    found = field, str(mode), _of(layer)
        field, mode, origin = found or ("nftables_dns_policy_mode", "DelayDNSResponse", BUILT_IN)
        self._note(field, mode, origin)
        if found is not None and mode == "DelayDeniedPacket":
            self._warnings.append(
                f"{_written(field)}: DelayDeniedPacket behaves as DelayDNSResponse: no packet is queued, the answer"
                " waits until its addresses are open"
            )
        if mode == "NoDelay":
            self._warnings.append(
                f"{_written(field)}: NoDelay: answers go out before their addresses are open, and the first connection"
                " may be denied"
            )
        return mode == "NoDelay"

    def _drop_action(self) -> None:
        """Whoever may write this object must not switch a node's enforcement off with it, unnoticed and for good: that
        takes the node's own administrator, who has ``dnsguard uninstall``. So Drop it is, and the status says so."""
        layer = self._layer("drop_action_override")
        told = "Drop" if layer is None else str(layer.spec.drop_action_override)
        self._note("drop_action_override", "Drop", BUILT_IN if layer is None else _of(layer))
        if told in ("Accept", "LogAndAccept"):
            self._warnings.append(
                f"dropActionOverride: {told} is not followed: it would switch enforcement off; what policy denies is"
                " dropped still"
            )
        elif told != "Drop" and self._settings.packet_log == "Off":
            self._warnings.append(f"dropActionOverride: {told} behaves as Drop: packet_log is Off")


def _of(layer: FelixConfiguration) -> str:
    return f"FelixConfiguration/{layer.name}"


def _count(told: int) -> int:
    """As many as a setting may say."""
    return max(1, min(told, MAX_COUNT))


def _written(field: str) -> str:
    """The field as a manifest has it."""
    return next(name for name, attribute in FelixConfigurationSpec.field_names().items() if attribute == field)


def _failsafe_port(entry: FailsafeEntry) -> FailsafePort:
    protocol = TCP if entry.protocol is FailsafeProtocol.TCP else UDP
    return FailsafePort(protocol, int(entry.port), None if entry.net is None else entry.net.network)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return f"{value:g}s" if isinstance(value, float) else str(value)
