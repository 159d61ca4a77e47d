"""The metrics that workers count, under the names that Prometheus sees.

Workers write their totals to Redis with each heartbeat, and every API process reports the sum of
the fleet; see ``docs/decisions/0014-metrics.md``.
"""

import json
from dataclasses import dataclass
from typing import Literal

from prometheus_client import CollectorRegistry

PREFIX = "classifier_"


@dataclass(frozen=True)
class Family:
    """One metric; its name has no suffix of a Prometheus type."""

    kind: Literal["counter", "histogram"]
    name: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def sample_names(self) -> set[str]:
        """The names of the metric's samples."""
        suffixes = ("_total",) if self.kind == "counter" else ("_bucket", "_count", "_sum")
        return {self.name + suffix for suffix in suffixes}


WAIT = Family(
    "histogram",
    PREFIX + "item_wait_seconds",
    "From a job's creation to the start of each of its items.",
    labels=("queue",),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800),
)
DECODE = Family(
    "histogram",
    PREFIX + "decode_seconds",
    "Decoding, resizing and cropping of one photo.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
INFERENCE = Family(
    "histogram",
    PREFIX + "inference_seconds",
    "One call of the model, with one micro-batch.",
    buckets=(0.0025, 0.005, 0.01, 0.02, 0.035, 0.05, 0.1, 0.2, 0.35, 0.5, 1, 2, 5),
)
BATCH_SIZE = Family(
    "histogram",
    PREFIX + "batch_size_photos",
    "Photos in one call of the model.",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
)
FAULTS = Family(
    "counter",
    PREFIX + "worker_faults",
    "Workers that exited because of a fault of their own.",
    labels=("reason",),
)
FAULT_REASONS = ("model", "memory", "uploads")
DELETE_FAILURES = Family(
    "counter",
    PREFIX + "upload_delete_failures",
    "Uploads that a worker tried to delete and could not.",
)
BY_WORKERS = (WAIT, DECODE, INFERENCE, BATCH_SIZE, FAULTS, DELETE_FAILURES)


def totals(registry: CollectorRegistry) -> dict[str, float]:
    """All samples of a registry, by :func:`field`."""
    return {
        field(sample.name, sample.labels): sample.value
        for metric in registry.collect()
        for sample in metric.samples
        if not sample.name.endswith("_created")
    }


def field(name: str, labels: dict[str, str]) -> str:
    """A sample's key in Redis."""
    return json.dumps([name, labels], sort_keys=True)


def read_field(text: str) -> tuple[str, dict[str, str]]:
    """The name and labels in a sample's key.

    Raises:
        ValueError: The text is not such a key.
    """
    name, labels = json.loads(text)
    return name, labels
