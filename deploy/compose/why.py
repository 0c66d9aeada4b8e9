"""What dnsguard says of the workloads' attempts: each look-up and each denial once, without what differs every time."""

import re
import subprocess
import sys
import threading

VARIES = re.compile(r"^\S+ |(?<=[\d\]]):\d+(?=\) →)| \[[^]]*\]|, open for [\d.]+ s| \{no name\}")
"""The time, a client's port, how long it took and by which interface, and for how long an address is open."""

ENDPOINT = re.compile(r"docker/([^ .]+)\S*")
"""An endpoint is called after its container, the network, and what tells two of one name apart."""

LEFT_OUT = re.compile(r" AAAA: NOERROR| ARP: ")
"""Answers that there is no IPv6 address, and what a container tries before its endpoint is in force."""


def tell(command: str) -> None:
    said = set()
    with subprocess.Popen(["dnsguard", command, "--follow"], stdout=subprocess.PIPE, text=True) as following:
        for line in following.stdout or ():
            lasting = " ".join(ENDPOINT.sub(r"\1", VARIES.sub("", line)).split())
            if lasting not in said and not LEFT_OUT.search(lasting):
                said.add(lasting)
                sys.stdout.write(f"{lasting}\n")


threading.Thread(target=tell, args=["log"], daemon=True).start()
tell("denied")
