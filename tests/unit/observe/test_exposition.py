"""What a scrape is answered with, in the grammar of Prometheus' text format."""

import re

from dnsguard.observe.exposition import Metric, exposition, number
from dnsguard.observe.histogram import Histogram

_LABEL = r'[a-z_]+="(?:[^"\\\n]|\\[\\n"])*"'
_LINE = re.compile(rf"# HELP \w+ [^\n]+|# TYPE \w+ (counter|gauge|histogram)|\w+({{{_LABEL}(,{_LABEL})*}})? \S+")


def check(text: str) -> None:
    """Every line has a form that there is, and every sample follows what is said of its family."""
    assert text.endswith("\n")
    families: dict[str, str] = {}
    for line in text.splitlines():
        assert _LINE.fullmatch(line), line
        if line.startswith("# TYPE"):
            _, _, name, kind = line.split()
            assert name not in families
            families[name] = kind
            assert name.endswith("_total") == (kind == "counter"), line
        elif not line.startswith("#"):
            name = re.split(r"[ {]", line)[0]
            assert name in families or families.get(re.sub("_(bucket|sum|count)$", "", name)) == "histogram", line
            float(line.rpartition(" ")[2])


def test_numbers() -> None:
    text = exposition([number("x_total", "counter", "How many.", 7), number("y_seconds", "gauge", "How long.", 0.5)])
    assert text == (
        "# HELP x_total How many.\n# TYPE x_total counter\nx_total 7\n"
        "# HELP y_seconds How long.\n# TYPE y_seconds gauge\ny_seconds 0.5\n"
    )
    check(text)


def test_labels_and_help_are_escaped() -> None:
    text = exposition([Metric("up", "gauge", "a\\b\nc", {(("server", 'a"b\\c\nd'), ("x", "y")): 1})])
    assert text.splitlines()[0] == r"# HELP up a\\b\nc"
    assert text.splitlines()[2] == r'up{server="a\"b\\c\nd",x="y"} 1'
    check(text)


def test_a_histogram() -> None:
    made = Histogram()
    made.observe(0.003)
    text = exposition([Metric("t_seconds", "histogram", "Time.", {(("source", "cache"),): made})])
    lines = text.splitlines()
    assert 't_seconds_bucket{source="cache",le="0.0025"} 0' in lines
    assert 't_seconds_bucket{source="cache",le="0.005"} 1' in lines
    assert 't_seconds_bucket{source="cache",le="+Inf"} 1' in lines
    assert lines[-2:] == ['t_seconds_sum{source="cache"} 0.003', 't_seconds_count{source="cache"} 1']
    check(text)


def test_a_family_without_values_is_left_out() -> None:
    assert exposition([Metric("up", "gauge", "Whether.", {})]) == ""
