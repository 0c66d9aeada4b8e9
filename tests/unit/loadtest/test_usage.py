"""What a process uses includes its children, those that live and those that ended."""

import os
import subprocess
import sys

from loadtest.dns.usage import cpu_seconds, resident_megabytes, tree

WORK = "import time\nwhile time.process_time() < 0.3: pass\n"
PARENT = f"""
import subprocess, sys
subprocess.run([sys.executable, "-S", "-c", {WORK!r}])
child = subprocess.Popen([sys.executable, "-S", "-c", {WORK + "input()"!r}], stdin=subprocess.PIPE)
print(child.pid, flush=True)
sys.stdin.read()
child.communicate()
"""


def test_children_count() -> None:
    with subprocess.Popen(
        [sys.executable, "-S", "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert list(tree(parent.pid)) == [parent.pid, child]
        while cpu_seconds([child]) < 0.3:
            os.sched_yield()
        assert cpu_seconds([parent.pid]) >= 0.6
        assert resident_megabytes([parent.pid]) > resident_megabytes([child]) > 1
        parent.communicate()
    assert list(tree(parent.pid)) == [parent.pid]
    assert cpu_seconds([parent.pid]) == 0
