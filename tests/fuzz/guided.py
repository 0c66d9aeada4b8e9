"""The fuzzer proper, a process that libFuzzer ends: ``tests.fuzz.scanner`` starts it and reads what it says."""

import sys
from random import Random

import atheris

with atheris.instrument_imports(include=["dnsguard.dns.scan", "dnsguard.dns.wire"]):
    import dnsguard.dns.scan  # noqa: F401 - its branches are what guides

from tests.fuzz.mutation import mutated
from tests.fuzz.opinions import check


def one(data: bytes) -> None:
    check(data)


def mutate(data: bytes, most: int, seed: int) -> bytes:
    """Half of the changes know what a DNS message is; the others are libFuzzer's, which knows what was compared."""
    if seed & 1:
        return mutated(data, Random(seed), most)
    changed: bytes = atheris.Mutate(data, most)
    return changed


if __name__ == "__main__":
    atheris.Setup(sys.argv, one, custom_mutator=mutate)
    atheris.Fuzz()
