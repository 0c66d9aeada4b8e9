"""What it costs to read objects of the store: at the start all of them, later each that changed."""

from collections.abc import Callable, Iterable
from time import perf_counter

from dnsguard.resources import parse_object
from loadtest import cluster
from loadtest.cluster import Manifest, Size
from loadtest.probes import Recorder


def _endpoints(size: Size) -> list[Manifest]:
    return [cluster.endpoint(number, size) for number in range(size.endpoints)]


def _policies(size: Size) -> list[Manifest]:
    return [each for each in cluster.manifests(size) if each["kind"].endswith("NetworkPolicy")]


def _large_set(size: Size) -> list[Manifest]:
    return [cluster.net_set("feed", 0, cluster.nets(0, size.nets))]


CASES: dict[str, Callable[[Size], list[Manifest]]] = {
    "parse: all endpoints": _endpoints,
    "parse: all policies": _policies,
    "parse: the largest network set": _large_set,
}
"""Row → objects to parse."""


async def parsed(objects: Iterable[Manifest], recorder: Recorder) -> float:
    """Seconds to parse them all."""
    began = perf_counter()
    for each in objects:
        recorder.run("parse", parse_object, each)
    return perf_counter() - began
