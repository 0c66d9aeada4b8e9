from dnsguard.controller.denied.tally import FORGOTTEN_SECONDS, OTHERS, Tally
from dnsguard.observe.exposition import exposition
from dnsguard.observe.packetrecord import Party
from tests.unit.observe.test_exposition import check


def told(tally: Tally) -> dict[str, float]:
    text = exposition(tally.metrics())
    check(text)
    samples = (line.rpartition(" ") for line in text.splitlines() if line[0] != "#")
    return {name.partition("{")[2].rstrip("}"): float(value) for name, _, value in samples}


def test_whose_packets_were_denied() -> None:
    tally = Tally(10)
    tally.add(Party("shop/web", "egress"), 3, 0)
    tally.add(Party("shop/web", "egress"), 2, 1)
    tally.add(Party("shop/web", "ingress"), 1, 1)
    tally.add(Party("uplink", "ingress"), 4, 1)
    tally.add(Party(), 5, 1)
    assert told(tally) == {
        'namespace="shop",endpoint="web",direction="egress"': 5,
        'namespace="shop",endpoint="web",direction="ingress"': 1,
        'namespace="",endpoint="uplink",direction="ingress"': 4,
        'namespace="",endpoint="",direction=""': 5,
    }


def test_more_than_there_may_be_are_told_together_until_somebody_is_quiet_for_long() -> None:
    tally = Tally(2)
    for second, name in enumerate(("shop/a", "shop/b", "shop/c", "shop/d")):
        tally.add(Party(name, "egress"), 1, second)
    others = f'namespace="",endpoint="{OTHERS}",direction="egress"'
    assert told(tally)[others] == 2
    tally.add(Party("shop/b", "egress"), 1, FORGOTTEN_SECONDS)
    tally.add(Party("shop/e", "egress"), 1, FORGOTTEN_SECONDS)
    assert told(tally) == {
        others: 2,
        'namespace="shop",endpoint="b",direction="egress"': 2,
        'namespace="shop",endpoint="e",direction="egress"': 1,
    }
