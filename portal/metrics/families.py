"""Making families of samples; every name begins with "portal_"."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

PREFIX = "portal_"
Samples = Mapping[Any, float]  # by the values of the labels, in a tuple


def gauge(name: str, means: str, labels: Sequence[str] = (), samples: Samples | None = None) -> GaugeMetricFamily:
    """A gauge with the samples by the values of its labels."""
    family = GaugeMetricFamily(PREFIX + name, means, labels=labels)
    for values, value in (samples or {}).items():
        family.add_metric(values, value)
    return family


def single(name: str, means: str, value: float | None) -> GaugeMetricFamily:
    """A gauge without labels; None leaves it without a sample."""
    return gauge(name, means, samples={} if value is None else {(): value})


def counter(name: str, means: str, labels: Sequence[str], samples: Samples) -> CounterMetricFamily:
    """A counter; its samples are called `name` with "_total"."""
    family = CounterMetricFamily(PREFIX + name, means, labels=labels)
    for values, value in samples.items():
        family.add_metric(values, value)
    return family


def histogram(
    name: str, means: str, labels: Sequence[str], bounds: Sequence[float],
    samples: Iterable[tuple[Sequence[str], Sequence[int], float]],
) -> HistogramMetricFamily:  # fmt: skip
    """A histogram of (labels, counts, sum): one count for each of `bounds`, and one for what is above the last."""
    family = HistogramMetricFamily(PREFIX + name, means, labels=labels)
    for values, counts, total in samples:
        names = [*(f"{bound:g}" for bound in bounds), "+Inf"]
        family.add_metric(values, list(zip(names, accumulate(counts), strict=True)), total)
    return family
