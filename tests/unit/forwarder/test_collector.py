import subprocess
import sys

SCRIPT = """
import gc
from dnsguard.forwarder.collector import quieten

class Ring:
    def __init__(self):
        self.itself = self

collected = []
gc.callbacks.append(lambda phase, info: collected.append(info["generation"]) if phase == "stop" else None)
quieten()
collected.clear()
kept = [[number] for number in range(100_000)]
looked_at = gc.get_count()[0] + sum(len(gc.get_objects(generation)) for generation in (0, 1, 2))
for _ in range(10_000):
    Ring()
rings = sum(isinstance(each, Ring) for each in gc.get_objects(0))
print(len(collected) > 40, set(collected), looked_at < 10_000, rings < 3_000)
"""


def test_what_is_kept_is_looked_at_once_and_what_is_new_and_given_up_is_freed() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "{0}", "True", "True"]
