"""The chat's metrics, as Prometheus reads them.

metrics = Metrics(qa, freshness)
qa.observers.append(metrics.observe)
metrics.text()                          # b"# HELP briefqa_questions_total …"
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from briefqa.api import BriefQA
from briefqa.stages import Record
from briefqa.ui.freshness import Freshness

# Seconds; a quoted answer takes some 0.03, a language model's up to a minute.
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """Counts what is asked, and says what the index is when it is read."""

    def __init__(self, qa: BriefQA, freshness: Freshness) -> None:
        self._registry = CollectorRegistry()  # of its own: several apps may run in a process
        self._questions = Counter(
            "briefqa_questions", "Questions, by kind and outcome.", ("kind", "outcome"), registry=self._registry
        )
        self._seconds = Histogram(
            "briefqa_question_seconds",
            "Seconds from a question to the end of its answer.",
            ("kind",),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._stages = Histogram(
            "briefqa_stage_seconds", "Seconds of each stage.", ("stage",), buckets=_BUCKETS, registry=self._registry
        )
        self._registry.register(_Index(qa, freshness))

    def observe(self, record: Record) -> None:
        """Count a question that has ended."""
        self._questions.labels(record.kind, record.outcome).inc()
        self._seconds.labels(record.kind).observe(record.seconds)
        for stage, seconds in record.stages.items():
            self._stages.labels(stage).observe(seconds)

    def text(self) -> bytes:
        """Return all of it in Prometheus's text format."""
        return generate_latest(self._registry)


class _Index(Collector):
    """What the index is at this moment."""

    def __init__(self, qa: BriefQA, freshness: Freshness) -> None:
        self._qa = qa
        self._freshness = freshness

    def describe(self) -> Iterator[GaugeMetricFamily]:
        return iter(())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        info = self._qa.info()
        news = self._freshness.news(info.generation)
        for name, meaning, value in (
            ("generation", "The index's generation: how many builds have changed it.", info.generation),
            ("articles", "Articles in the index.", info.articles),
            ("chunks", "Chunks in the index.", info.chunks),
            ("articles_behind", "Articles that a build would add, update or remove.", news.ahead),
            ("problems", "Files that the last build could not read, or read with a loss.", len(info.problems)),
        ):
            yield GaugeMetricFamily(f"briefqa_{name}", meaning, value)
