"""The settings of the processes: one name each as flag, variable and key of the file."""

from dnsguard.settings.flags import add_flags
from dnsguard.settings.forms import SocketAddress
from dnsguard.settings.model import Settings
from dnsguard.settings.sources import SettingsError, settings_from, settings_from_argv

__all__ = [
    "Settings",
    "SettingsError",
    "SocketAddress",
    "add_flags",
    "settings_from",
    "settings_from_argv",
]
