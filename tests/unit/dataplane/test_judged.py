from ipaddress import ip_address

from dnsguard.dataplane.actual import Actual, ActualSet
from dnsguard.dataplane.judged import judged_addresses
from dnsguard.dataplane.sets import Entry


def test_the_addresses_of_the_maps_of_egress() -> None:
    one, other = ip_address("192.0.2.7").packed, ip_address("2001:db8::7").packed
    sets = {
        "workload-egress-4": ActualSet(0, 0, {one: Entry("class", "")}),
        "workload-egress-6": ActualSet(0, 0, {other: Entry("class", "")}),
        "workload-ingress-4": ActualSet(0, 0, {b"\1\1\1\1": Entry("class", "")}),
    }
    assert judged_addresses(Actual(exists=True, sets=sets)) == {"192.0.2.7", "2001:db8::7"}


def test_no_table_judges_nobody() -> None:
    assert judged_addresses(Actual()) == frozenset()
