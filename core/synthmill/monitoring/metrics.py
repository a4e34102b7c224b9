"""Counters, histograms and gauges in Prometheus's terms; one registry a process.

Names begin with `synthmill_<service>_`; units are seconds, bytes and dollars. Every label takes its values from a
small fixed set, or goes through `bounded`: each combination of values is kept as long as the process lives.

Several processes on one port (gateway workers) share the folder that PROMETHEUS_MULTIPROC_DIR names: each writes its
numbers there and whoever is asked adds them up, so that every worker tells of all. The library decides that once,
when it is loaded, which is why nobody but this module loads it.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import prometheus_client
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

# a second series for each counter, of no use to anybody here
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]

SHARED_FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE = prometheus_client.CONTENT_TYPE_LATEST
OTHER = "other"

SHORT_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""For what a client waits for."""

LONG_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1_800)
"""For work that takes as long as its input is big, and for calls of language models."""


class Counter:
    """Only grows; its name ends in `_total`."""

    def __init__(self, name: str, text: str, labels: Sequence[str] = ()) -> None:
        self._metric = prometheus_client.Counter(name, text, labels)

    def add(self, amount: float = 1, **labels: str) -> None:
        """Adds to the one with these labels, which have to be all of its labels."""
        (self._metric.labels(**labels) if labels else self._metric).inc(amount)


class Histogram:
    """How many values lay below each bound, and their sum."""

    def __init__(self, name: str, text: str, bounds: Sequence[float], labels: Sequence[str] = ()) -> None:
        self._metric = prometheus_client.Histogram(name, text, labels, buckets=bounds)

    def observe(self, value: float, **labels: str) -> None:
        """Counts a value."""
        (self._metric.labels(**labels) if labels else self._metric).observe(value)


class Gauge:
    """A number that rises and falls; that of processes sharing a folder is the sum over those that live."""

    def __init__(self, name: str, text: str, labels: Sequence[str] = ()) -> None:
        self._metric = prometheus_client.Gauge(name, text, labels, multiprocess_mode="livesum")

    def set(self, value: float, **labels: str) -> None:
        """Puts it to this value."""
        (self._metric.labels(**labels) if labels else self._metric).set(value)

    def forget(self) -> None:
        """Shows no value until the next is set: better none than one that nobody keeps up to date."""
        self._metric.clear()

    @contextmanager
    def held(self, **labels: str) -> Iterator[None]:
        """One more while the context lasts."""
        metric = self._metric.labels(**labels) if labels else self._metric
        metric.inc()
        try:
            yield
        finally:
            metric.dec()


class Bounded:
    """Lets the first `most` values through and calls the rest `other`, for values that clients choose."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: set[str] = set()

    def __call__(self, value: str) -> str:
        if value not in self._known:
            if len(self._known) >= self._most:
                return OTHER
            self._known.add(value)
        return value


def exposition() -> bytes:
    """All metrics in the text format; of all processes where several share a folder."""
    if SHARED_FOLDER_VARIABLE not in os.environ:
        return generate_latest()
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def forget_process(pid: int, folder: Path) -> None:
    """Takes a dead process's gauges out of the shared folder; what it counted stays."""
    mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]
