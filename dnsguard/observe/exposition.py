"""Metrics in the text format of Prometheus, version 0.0.4."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Literal, NamedTuple

from dnsguard.observe.histogram import Histogram

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

Labels = tuple[tuple[str, str], ...]


class Metric(NamedTuple):
    """One family: numbers, or histograms, by their labels."""

    name: str
    """With its unit; counters end in ``_total``."""

    kind: Literal["counter", "gauge", "histogram"]
    help: str
    values: Mapping[Labels, float | Histogram]


def number(name: str, kind: Literal["counter", "gauge"], text: str, value: float) -> Metric:
    """A family of one, without labels."""
    return Metric(name, kind, text, {(): value})


def exposition(metrics: Iterable[Metric]) -> str:
    """What a scrape is answered with. A family without values is left out."""
    return "".join(line + "\n" for metric in metrics if metric.values for line in _family(metric))


def _family(metric: Metric) -> Iterator[str]:
    yield f"# HELP {metric.name} {_escaped(metric.help)}"
    yield f"# TYPE {metric.name} {metric.kind}"
    for labels, value in metric.values.items():
        if isinstance(value, Histogram):
            for bound, count in value.cumulative():
                yield _sample(f"{metric.name}_bucket", (*labels, ("le", _number(bound))), count)
            yield _sample(f"{metric.name}_sum", labels, value.total)
            yield _sample(f"{metric.name}_count", labels, value.count)
        else:
            yield _sample(metric.name, labels, value)


def _sample(name: str, labels: Labels, value: float) -> str:
    if not labels:
        return f"{name} {_number(value)}"
    listed = ",".join(f'{key}="{_quoted(text)}"' for key, text in labels)
    return f"{name}{{{listed}}} {_number(value)}"


def _number(value: float) -> str:
    return "+Inf" if value == float("inf") else f"{value:.12g}" if isinstance(value, float) else str(value)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _quoted(text: str) -> str:
    return _escaped(text).replace('"', '\\"')
