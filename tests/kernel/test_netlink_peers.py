"""Which port leads into which namespace, by the kernel."""

from pathlib import Path

from dnsguard.netlink.peers import NotANamespace, ports_into
from tests.support.netns import namespace


def test_ports_are_found_by_the_namespace_that_they_lead_into(tmp_path: Path) -> None:
    with namespace() as node, namespace() as a, namespace() as b, namespace() as nobody:
        for bridge in "br0", "br1":
            node.run(f"ip link add {bridge} type bridge")
        for place, port, bridge in ((a, "p0", "br0"), (a, "p1", "br1"), (b, "p2", "br0"), (b, "p3", "br0")):
            node.run(f"ip link add {port} type veth peer name in{port} netns {place.pid}")
            node.run(f"ip link set {port} master {bridge}")
        node.run(f"ip link add loose type veth peer name in netns {nobody.pid}")
        paths = {name: f"/proc/{each.pid}/ns/net" for name, each in (("a", a), ("b", b), ("n", nobody), ("own", node))}
        plain = tmp_path / "plain"
        plain.touch()
        with node.entered():
            found, failed = ports_into([*paths.values(), str(plain), str(tmp_path / "none")])
        assert found == {
            paths["a"]: {"br0": ("p0",), "br1": ("p1",)},
            paths["b"]: {"br0": ("p2", "p3")},
            paths["n"]: {},
            paths["own"]: {},
        }
        assert {path: type(error) for path, error in failed.items()} == {
            str(plain): NotANamespace,
            str(tmp_path / "none"): FileNotFoundError,
        }
